# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import base64
import csv
import html
import io
import json
import re
import shutil
import tarfile
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from PIL import Image

from mmgen_bdinvert.apis import edit_files, invert_files
from mmgen_bdinvert.editing import Direction
from mmgen_bdinvert.io import read_image
from mmgen_bdinvert.jobs.results import read_table
from mmgen_bdinvert.report import write_page


class Page(HTMLParser):
    """What is on a page: its tags with their attributes, and its text."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.text, self.open = [], '', []
        self.source = path.read_text('utf-8')
        self.feed(self.source)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, wanted, **attributes):
        return [
            found
            for tag, found in self.tags
            if tag == wanted and all(found.get(k) == v for k, v in attributes.items())
        ]

    @property
    def cards(self):
        return self.all('article')


def pixels(image):
    """Decode a picture of the page."""
    kind, _, data = image['src'].partition(';base64,')
    assert kind == 'data:image/webp'
    return np.array(Image.open(io.BytesIO(base64.b64decode(data))).convert('RGB')).astype(int)


def test_the_page_needs_nothing_beside_it(results):
    page = Page(write_page(results))
    assert write_page(results) == results / 'report.html'
    for tag, attributes in page.tags:
        for key in ('src', 'href', 'srcset', 'action', 'data'):
            assert attributes.get(key, '#').startswith(('#', 'data:image/webp;base64,')), tag
    assert 'url(' not in page.source and '@import' not in page.source
    (policy,) = [m['content'] for m in page.all('meta') if 'content' in m and 'src' in m['content']]
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_original_and_reconstruction_lie_on_each_other(results, photos):
    page = Page(write_page(results))
    original = pixels(page.all('img', alt='Original of a')[0])
    output = pixels(page.all('img', alt='Reconstruction of a')[0])
    expected = read_image(photos / 'a.png', 32).astype(int)
    saved = read_image(results / 'a' / 'reconstruction.png').astype(int)
    # WebP loses a little, least of what it is best at: the means of blocks.
    blocks = lambda p: p.reshape(4, 8, 4, 8, 3).mean((1, 3))  # noqa: E731
    assert np.abs(blocks(original) - blocks(expected)).mean() < 8
    assert np.abs(blocks(output) - blocks(saved)).mean() < 8
    assert np.abs(blocks(expected) - blocks(saved)).mean() > 15
    assert len(page.all('input', type='range')) == 3 + 2


def test_the_figures_are_those_of_the_summary(results):
    page = Page(write_page(results))
    rows = [r for r in csv.DictReader(open(results / 'summary.csv')) if r['status'] == 'done']
    psnr = sorted(float(row['psnr']) for row in rows)
    (drawing,) = [s['aria-label'] for s in page.all('svg') if 'PSNR' in s['aria-label']]
    assert f'median {psnr[1]:.2f}, from {psnr[0]:.2f} to {psnr[2]:.2f}, 3 images' in drawing
    shown = [float(card['data-psnr']) for card in page.cards]
    assert shown == pytest.approx(psnr)  # the worst first
    assert re.search(r'4\s*all\s*3\s*done\s*1\s*failed', page.text)


def test_what_failed_is_named_with_its_reason(results):
    page = Page(write_page(results))
    (row,) = [r for r in read_table(results / 'summary.csv') if r['status'] == 'failed']
    assert row['reason'] in page.text
    assert row['name'] not in [card['data-name'] for card in page.cards]


def test_settings_and_versions_of_the_run(results):
    page = Page(write_page(results))
    assert json.loads((results / 'settings.json').read_text())['weights'] in page.text
    assert f'torch {torch.__version__}' in page.text


def test_a_hostile_name_stays_text(results, hostile):
    page = Page(write_page(results))
    assert not [t for t in page.tags if 'onerror' in t[1]]
    assert len(page.all('script')) == 1
    assert f'{hostile[:-1]}\\u202e.png' in page.text
    assert '\u202e' not in page.source


def test_the_worst_are_kept_and_the_page_stays_small(results):
    everything = write_page(results).stat().st_size
    page = Page(write_page(results, max_images=1))
    worst = min(
        (r for r in csv.DictReader(open(results / 'summary.csv')) if r['psnr']),
        key=lambda r: float(r['psnr']),
    )
    assert [card['data-name'] for card in page.cards] == [worst['name']]
    assert 'The 1 worst of 3 are shown' in page.text
    assert '3 images' in [s['aria-label'] for s in page.all('svg')][0]
    none = Page(write_page(results, max_images=0))
    assert not none.all('img')
    assert (everything - len(none.source)) / 3 < 60_000


def test_packed_results_give_the_same_page(results, make_inverter, photos, tmp_path):
    invert_files(make_inverter(num_steps=2), photos, tmp_path / 'packed', packed=True)
    page = Page(write_page(tmp_path / 'packed'))
    plain = Page(write_page(results))
    for name in ('a', 'b'):
        alt = f'Reconstruction of {name}'
        assert page.all('img', alt=alt) == plain.all('img', alt=alt) != []
        assert page.all('img', alt=f'Loss curves of {name}')


def test_originals_in_an_archive_are_found(make_inverter, photos, tmp_path):
    with tarfile.open(tmp_path / 'photos.tar', 'w') as archive:
        archive.add(photos / 'a.png', 'inside/a.png')
    invert_files(make_inverter(num_steps=1), tmp_path / 'photos.tar', tmp_path / 'run')
    assert Page(write_page(tmp_path / 'run')).all('img', alt='Original of a')


def test_without_the_originals_the_comparisons_are_shown(results, tmp_path, photos):
    folder = shutil.copytree(results, tmp_path / 'run')
    manifest = folder / 'manifest' / '0.jsonl'
    manifest.write_text(manifest.read_text().replace(str(photos), str(tmp_path / 'gone')))
    page = Page(write_page(folder))
    assert not page.all('img', alt='Original of a')
    assert pixels(page.all('img', alt='Comparison of a')[0]).shape[1] > 192 * 4
    assert f'The original is not there any more: {tmp_path / "gone" / "a.png"}' in page.text


def test_pictures_that_were_deleted_leave_the_figures(results, tmp_path):
    folder = shutil.copytree(results, tmp_path / 'run')
    shutil.rmtree(folder / 'a')
    (folder / 'b' / 'reconstruction.png').write_bytes(b'no picture')
    page = Page(write_page(folder))
    assert len(page.cards) == 3 and 'Its pictures are not there any more' in page.text
    assert page.all('img', alt='Comparison of b')


def test_edits_have_their_comparisons(results, make_inverter, tmp_path):
    vector = Direction(torch.ones(16), name='smile & more')
    edit_files(make_inverter(), results, tmp_path / 'edits', directions=[vector])
    page = Page(write_page(tmp_path / 'edits'))
    names = sorted(path.name for path in (tmp_path / 'edits').iterdir() if path.is_dir())
    assert [card['data-name'] for card in page.cards] == names
    assert [html.unescape(i['alt']) for i in page.all('img')] == [
        f'Comparison of {n}' for n in names
    ]
    assert not page.all('svg')


def test_what_is_no_output_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match='There is no folder'):
        write_page(tmp_path / 'none')
    with pytest.raises(ValueError, match='holds no results'):
        write_page(tmp_path)
    with pytest.raises(ValueError, match='max_images .* but got -1'):
        write_page(tmp_path, max_images=-1)
    assert not list(tmp_path.iterdir())
