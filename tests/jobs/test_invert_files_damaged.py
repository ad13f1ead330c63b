# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Runs that meet changed images, damaged results and damaged records."""

import csv
import json
import math
import os
import shutil

import pytest
from PIL import Image

from mmgen_bdinvert.apis import edit_files, invert_files
from mmgen_bdinvert.geometry import GeometricTransform
from mmgen_bdinvert.jobs.packed import read_packed
from mmgen_bdinvert.report import write_page

SHARD = 'shards/00000-00000.tar'


@pytest.fixture(params=[False, True], ids=['folders', 'packed'])
def packed(request):
    return request.param


@pytest.fixture()
def run(inverter, photos, tmp_path, steps, packed):
    """Return a function that inverts all photos: statuses, how many were inverted, notes."""
    sizes, on_step = steps

    def invert(**options):
        sizes.clear()
        notes = []
        more = dict(packed=packed, on_step=on_step, on_note=notes.append, **options)
        outcomes = invert_files(inverter, photos, tmp_path / 'out', **more)
        return [o.status for o in outcomes], sum(sizes), notes

    return invert


def psnrs(out):
    with open(out / 'summary.csv', newline='') as file:
        return [float(row['psnr'] or 'nan') for row in csv.DictReader(file)]


def test_a_photo_that_was_replaced_is_inverted_again(run, photos, tmp_path):
    run()
    before = psnrs(tmp_path / 'out')
    time = (photos / 'p1.png').stat().st_mtime_ns
    shutil.copy(photos / 'p2.png', photos / 'p1.png')
    os.utime(photos / 'p1.png', ns=(time - 10**12,) * 2)  # older than the one before
    note = f'changed since an earlier run, and inverted again: {str(photos / "p1.png")!r}'
    assert run() == (3 * ['done'], 1, [note])
    assert psnrs(tmp_path / 'out') == pytest.approx([before[0], before[2], before[2]], abs=1e-4)
    assert run() == (3 * ['done'], 0, [])


def test_one_that_was_only_touched_or_taken_away_is_not(run, photos):
    run()
    os.utime(photos / 'p1.png')
    assert run() == (3 * ['done'], 0, [])
    (photos / 'p1.png').unlink()
    assert run() == (2 * ['done'], 0, [])


def test_one_that_fails_now_is_failed_whatever_it_was(run, photos):
    run()
    (photos / 'p1.png').write_bytes(b'no picture')
    status, count, notes = run()
    assert (status, count, len(notes)) == (['done', 'failed', 'done'], 0, 1)
    assert run() == (['done', 'failed', 'done'], 0, [])
    shutil.copy(photos / 'p2.png', photos / 'p1.png')
    assert run()[:2] == (3 * ['done'], 1)


def test_a_failure_is_not_hidden_by_another_folders_image_of_that_name(
    inverter, photos, tmp_path, packed, monkeypatch
):
    """Even where the clock has gone back since."""
    now = iter(range(2_000_000_000, 0, -1000))
    monkeypatch.setattr('mmgen_bdinvert.jobs.manifest.time.time', lambda: next(now))
    (tmp_path / 'more').mkdir()
    (tmp_path / 'more' / 'p0.png').write_bytes(b'no picture')
    for folder, status in ((photos, 'done'), (tmp_path / 'more', 'failed')):
        source = folder / 'p0.png'
        (outcome,) = invert_files(inverter, source, tmp_path / 'out', packed=packed)
        assert (outcome.status, outcome.source) == (status, source)
    assert psnrs(tmp_path / 'out') == pytest.approx([math.nan], nan_ok=True)


FILE_DAMAGE = {
    'gone': lambda path: path.unlink(),
    'empty': lambda path: path.write_bytes(b''),
    'cut': lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    'written over': lambda path: path.write_bytes(b'x' * path.stat().st_size),
    'pipe': lambda path: (path.unlink(), os.mkfifo(path)),
    'folder': lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize(
    ('file', 'damage'),
    [
        *(('code.safetensors', damage) for damage in FILE_DAMAGE),
        ('reconstruction.png', 'cut'),
        ('losses.png', 'written over'),
        ('metrics.json', 'cut'),
    ],
)
@pytest.mark.parametrize('packed', [False], ids=[''], indirect=True)
def test_damaged_files_are_made_again(results, run, tmp_path, file, damage):
    out = results()
    FILE_DAMAGE[damage](out / 'p1' / file)
    if damage in ('folder', 'pipe'):  # which are not removed, whoever made them
        status, _, notes = run()
        assert status == ['done', 'failed', 'done'] and len(notes) == 1
        return
    status, count, notes = run()
    assert (status, count) == (3 * ['done'], 1)
    assert len(notes) == 1 and f"'p1' ({file} " in notes[0]
    assert run() == (3 * ['done'], 0, [])


@pytest.fixture(scope='module')
def finished(inverter, picture, tmp_path_factory):
    """Return finished results in folders and in a shard, and their photos."""
    folder = tmp_path_factory.mktemp('finished')
    (folder / 'photos').mkdir()
    for i in range(3):
        Image.fromarray(picture(i)).save(folder / 'photos' / f'p{i}.png')
    for kind in (False, True):
        invert_files(inverter, folder / 'photos', folder / str(kind), packed=kind)
    return folder


@pytest.fixture()
def results(finished, packed, tmp_path):
    """Return a copy of finished results."""

    def make():
        shutil.copytree(finished / str(packed), tmp_path / 'out')
        shutil.copytree(finished / 'photos', tmp_path / 'photos', dirs_exist_ok=True)
        path = tmp_path / 'out' / 'manifest' / '0.jsonl'
        entries = [json.loads(line) for line in path.read_text().splitlines()]
        for entry in entries:
            if entry['event'] == 'image':
                name = os.path.basename(entry['source'])
                entry['source'] = str(tmp_path / 'photos' / name)
        path.write_text(''.join(json.dumps(entry) + '\n' for entry in entries))
        return tmp_path / 'out'

    return make


def test_whole_results_are_not_made_again(results, run, photos):
    results()
    assert run() == (3 * ['done'], 0, [])


def cut(path):
    with open(path, 'r+b') as file:
        file.truncate(path.stat().st_size // 2)


def overwrite_first(path):
    with open(path, 'r+b') as file:
        file.write(b'x' * 2000)


SHARD_DAMAGE = {
    'gone': (lambda path: path.unlink(), 3),
    'empty': (lambda path: path.write_bytes(b''), 3),
    'cut': (cut, 2),
    'written over': (lambda path: path.write_bytes(b'x' * path.stat().st_size), 3),
    'written over in part': (overwrite_first, 1),
    'pipe': (lambda path: (path.unlink(), os.mkfifo(path)), 3),
}


@pytest.mark.parametrize('damage', SHARD_DAMAGE)
@pytest.mark.parametrize('packed', [True], ids=[''], indirect=True)
class TestShards:
    def test_a_damaged_shard_is_made_up_for(self, results, run, damage):
        out = results()
        SHARD_DAMAGE[damage][0](out / SHARD)
        status, count, notes = run()
        assert (status, count, len(notes)) == (3 * ['done'], SHARD_DAMAGE[damage][1], 1)
        for i in range(3):
            assert 'code.safetensors' in read_packed(out, f'p{i}')
        assert run() == (3 * ['done'], 0, [])

    def test_edit_and_report_name_it_and_go_on(self, results, inverter, tmp_path, damage):
        out = results()
        change, lost = SHARD_DAMAGE[damage]
        change(out / SHARD)
        outcomes = edit_files(inverter, out, tmp_path / 'e', move=GeometricTransform(rotate=9))
        assert [o.status for o in outcomes].count('failed') == lost
        assert len(outcomes) == 3
        for outcome in outcomes:
            assert outcome.status == 'done' or SHARD in outcome.reason, outcome
            assert '\n' not in outcome.reason
        notes = []
        page = write_page(out, tmp_path / 'page.html', on_note=notes.append)
        assert len(notes) == 1 and SHARD in notes[0] and '\n' not in notes[0]
        assert page.read_text().count('<article') == 3


@pytest.mark.parametrize('packed', [True], ids=[''], indirect=True)
def test_a_shard_that_somebody_wrote_to_is_not_appended_to(results, run, photos, picture):
    out = results()
    with open(out / SHARD, 'r+b') as file:
        file.write(b'x' * 2000)
    size = (out / SHARD).stat().st_size
    assert run()[1] == 1
    assert (out / SHARD).stat().st_size == size
    Image.fromarray(picture(9)).save(photos / 'p9.png')
    assert run()[1] == 1
    assert sorted(p.name for p in (out / 'shards').glob('*.tar')) == [
        '00000-00000.tar',
        '00000-00001.tar',
    ]


@pytest.mark.parametrize(
    'junk', [b'[' * 100_000, b'{"event": "image", "time": 1, "metrics": null}']
)
def test_damaged_records_are_counted_and_their_images_inverted_again(results, run, tmp_path, junk):
    out = results()
    path = out / 'manifest' / '0.jsonl'
    lines = path.read_bytes().splitlines()
    lines[next(i for i, line in enumerate(lines) if b'"p1"' in line)] = junk
    path.write_bytes(b'\n'.join(lines) + b'\n')
    notes = []
    write_page(out, tmp_path / 'page.html', on_note=notes.append)
    assert run() == (3 * ['done'], 1, notes)
    assert notes == [f'damaged lines of the manifest count as never written: 1 in {str(path)!r}']


@pytest.mark.parametrize('content', [None, b'', b'[1]', b'[' * 100_000])
@pytest.mark.parametrize('packed', [False], ids=[''], indirect=True)
def test_results_whose_settings_are_lost_are_not_taken_for_those_of_this_run(
    results, run, photos, content
):
    path = results() / 'settings.json'
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(ValueError, match='settings.json is gone or damaged: choose another'):
        run()
    assert run(restart=True)[:2] == (3 * ['done'], 3)


def test_a_report_shows_no_original_that_has_changed(results, photos, tmp_path):
    out = results()
    shutil.copy(photos / 'p2.png', photos / 'p1.png')
    text = write_page(out, tmp_path / 'page.html').read_text()
    assert text.count('alt="Original of') == 2 and text.count('alt="Comparison of') == 1
