# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What one run over image files writes; test_batch_resumed.py has what a later run goes on with."""

import csv
import json
import math
import shutil
import tarfile

import numpy as np
import pytest
import torch
from mmgen.registry import MODULES
from PIL import Image
from torch import nn

from mmgen_bdinvert.apis import (
    init_generator,
    init_inverter,
    invert,
    invert_files,
    plan_files,
    render,
)
from mmgen_bdinvert.io import OutputError, claim_folder, read_image
from mmgen_bdinvert.jobs.packed import read_packed
from mmgen_bdinvert.jobs.results import RESULT_FILES
from mmgen_bdinvert.structures import LatentCode

FILES = sorted(RESULT_FILES)


@MODULES.register_module()
class BreaksOnWhite(nn.Module):
    """A loss that is NaN for a white target from the second step on."""

    compares = 'image'

    def __init__(self, loss_weight=1.0):
        super().__init__()
        self.loss_weight, self.calls = loss_weight, 0

    def prepare(self, reference):
        self.calls = 0
        return reference

    def forward(self, value, state):
        self.calls += 1
        loss = (value - state).square().mean((1, 2, 3))
        white = state.amin((1, 2, 3)) > 0.99
        broken = white & (self.calls > 1)
        return loss + torch.zeros_like(loss).masked_fill(broken, float('nan'))


RUN_FILES = [
    'config.py',
    'contact_sheet.png',
    'manifest',
    'report.md',
    'settings.json',
    'summary.csv',
]


def names(folder):
    """List a folder, hidden files (the locks) left out."""
    return sorted(path.name for path in folder.iterdir() if path.name[0] != '.')


def summary(folder):
    with open(folder / 'summary.csv', newline='') as file:
        return list(csv.DictReader(file))


def test_each_image_and_the_run_have_their_files(inverter, photos, tmp_path):
    out = tmp_path / 'out'
    outcomes = invert_files(inverter, photos, out, batch_size=2)
    assert names(out) == sorted([*RUN_FILES, 'p0', 'p1', 'p2'])
    assert all(names(out / name) == FILES for name in ('p0', 'p1', 'p2'))
    assert [(o.name, o.status, o.reason) for o in outcomes] == [
        (name, 'done', '') for name in ('p0', 'p1', 'p2')
    ]


def test_the_files_tell_what_the_inversion_gave(inverter, photos, tmp_path):
    out = tmp_path / 'out'
    invert_files(inverter, photos, out, batch_size=2)
    result = invert(inverter, [photos / f'p{i}.png' for i in range(3)], batch_size=2)
    rows = summary(out)
    for i, name in enumerate(('p0', 'p1', 'p2')):
        code = LatentCode.load(out / name / 'code.safetensors', inverter.generator)
        assert torch.equal(code.base, result.code[i].base)
        assert torch.equal(code.detail, result.code[i].detail)
        saved = read_image(out / name / 'reconstruction.png')
        assert np.abs(saved.astype(int) - render(inverter, code)[0]).max() <= 1

        metrics = json.loads((out / name / 'metrics.json').read_text())
        target = read_image(photos / f'p{i}.png').astype(float)
        rounded = 10 * math.log10(255**2 / np.square(saved - target).mean())
        assert metrics['psnr'] == pytest.approx(rounded, abs=0.05)  # of 8 bits
        assert metrics['loss_total'] == pytest.approx(float(result.history['total'][-1, i]))
        # Both are of clamped values, as pictures are; the loss, whose weight is 1, is not.
        assert metrics['mse'] == pytest.approx(4 / 10 ** (metrics['psnr'] / 10))
        assert metrics['loss_pixel'] == pytest.approx(float(result.history['pixel'][-1, i]))
        assert metrics['loss_perceptual'] == pytest.approx(10 * metrics['perceptual'], rel=1e-4)
        assert (metrics['steps'], metrics['stopped_at'], metrics['setbacks']) == (3, None, 0)
        assert metrics['source'] == str(photos / f'p{i}.png')
        assert metrics['seconds'] > 0

        assert float(rows[i]['psnr']) == metrics['psnr']
        assert rows[i]['stopped_at'] == ''
        assert set(rows[i]) - {'verdict'} == set(metrics)  # these statistics give no verdicts


def test_the_recorded_config_renders_the_codes(inverter, photos, tmp_path):
    out = tmp_path / 'out'
    invert_files(inverter, photos / 'p0.png', out)
    generator = init_generator(out / 'config.py', 'cpu')
    code = LatentCode.load(out / 'p0' / 'code.safetensors', generator)
    assert np.array_equal(render(generator, code)[0], render(inverter, code)[0])


def test_a_bad_image_is_noted_and_the_others_go_on(inverter, photos, tmp_path):
    (photos / 'p1.png').write_bytes(b'no picture')
    (photos / 'p1b.png').touch()
    seen, out = [], tmp_path / 'out'
    outcomes = invert_files(inverter, photos, out, batch_size=2, on_image=seen.append)
    assert [o.status for o in outcomes] == ['done', 'failed', 'failed', 'done']
    assert {o.name: o.status for o in outcomes} == {o.name: o.status for o in seen}
    assert [row['status'] for row in summary(out)] == ['done', 'failed', 'failed', 'done']
    assert 'not an image' in summary(out)[1]['reason']
    assert 'is empty' in outcomes[2].reason and 'p1b.png' in outcomes[2].reason
    assert names(out) == sorted([*RUN_FILES, 'p0', 'p2'])


def test_bad_images_leave_no_gap_in_a_batch(inverter, photos, tmp_path):
    (photos / 'p0.png').write_bytes(b'no picture')
    sizes = []
    invert_files(
        inverter,
        photos,
        tmp_path / 'out',
        batch_size=2,
        on_step=lambda step, total, losses, images: sizes.append(len(images)),
    )
    assert set(sizes) == {2}


def test_a_run_of_bad_images_has_a_summary_and_no_sheet(inverter, tmp_path):
    (tmp_path / 'x.png').write_bytes(b'no picture')
    invert_files(inverter, tmp_path / 'x.png', tmp_path / 'out')
    assert names(tmp_path / 'out') == [n for n in RUN_FILES if n != 'contact_sheet.png']


def test_the_best_state_of_a_stopped_image_is_saved(tiny_config, photos, tmp_path):
    Image.new('RGB', (32, 32), 'white').save(photos / 'p1.png')
    options = {'model.losses': {'_delete_': True, 'breaks': {'type': 'BreaksOnWhite'}}}
    options['model.num_steps'] = 5
    inverter = init_inverter(tiny_config, device='cpu', cfg_options=options)
    out = tmp_path / 'out'
    outcomes = invert_files(inverter, photos, out)
    assert [o.status for o in outcomes] == ['done', 'stopped', 'done']
    assert 'became non-finite 4 times, at last at step 4' in outcomes[1].reason
    assert '\n' not in outcomes[1].reason
    assert names(out / 'p1') == FILES
    metrics = json.loads((out / 'p1' / 'metrics.json').read_text())
    assert (metrics['stopped_at'], metrics['steps'], metrics['setbacks']) == (4, 4, 4)
    # The best state is the start: its loss is the only one that was finite.
    history = invert(inverter, photos / 'p1.png').history['total'][:, 0]
    assert metrics['loss_total'] == pytest.approx(float(history[0]))
    code = LatentCode.load(out / 'p1' / 'code.safetensors', inverter.generator)
    start = inverter.generator.mean_latent.expand_as(code.detail[0])
    torch.testing.assert_close(code.detail[0], start)


def test_an_image_without_any_finite_state_fails(inverter, photos, tmp_path):
    broken = init_inverter(inverter.cfg, device='cpu')
    broken.encoder.model[-1].bias.data.fill_(float('nan'))
    outcomes = invert_files(broken, photos / 'p0.png', tmp_path / 'out')
    assert outcomes[0].status == 'failed'
    assert 'is not finite: check encoder and generator' in outcomes[0].reason
    assert names(tmp_path / 'out' / 'p0') == []


def test_a_file_in_the_way_fails_one_image(inverter, photos, tmp_path):
    out = tmp_path / 'out'
    claim_folder(out, 'invert')
    (out / 'p1').write_text('mine')
    outcomes = invert_files(inverter, photos, out)
    assert [o.status for o in outcomes] == ['done', 'failed', 'done']
    assert "p1' is a file" in outcomes[1].reason
    assert (out / 'p1').read_text() == 'mine'


def test_equal_names_do_not_overwrite_each_other(inverter, photos, tmp_path):
    shutil.copytree(photos, tmp_path / 'more')
    inputs = [photos / 'p0.png', tmp_path / 'more' / 'p0.png']
    outcomes = invert_files(inverter, inputs, tmp_path / 'out')
    assert [o.name for o in outcomes] == ['photos_p0', 'more_p0']


def test_results_are_not_taken_for_photos(inverter, photos):
    for _ in range(2):
        outcomes = invert_files(inverter, photos, photos / 'out')
        assert [o.name for o in outcomes] == ['p0', 'p1', 'p2']
    with pytest.raises(ValueError, match='no image but the results'):
        plan_files(photos / 'out' / '..' / 'out', photos / 'out')
    named = photos / 'out' / 'p0' / 'reconstruction.png'
    assert plan_files(named, photos / 'out') == [(named, 'reconstruction')]


@pytest.mark.parametrize(
    ('inputs', 'settings', 'error', 'message'),
    [
        ('none.png', {}, FileNotFoundError, 'does not exist'),
        ('empty', {}, ValueError, 'holds no image'),
        ([], {}, ValueError, 'at least one image'),
        ('p.png', {'fit': 'stretch'}, ValueError, "crop, pad, squash, but got 'stretch'"),
        ('p.png', {'batch_size': 0}, ValueError, 'batch_size is a whole number'),
    ],
)
def test_a_wrong_call_is_refused_before_any_file_is_written(
    inverter, tmp_path, monkeypatch, inputs, settings, error, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'empty').mkdir()
    Image.new('RGB', (8, 8)).save('p.png')
    with pytest.raises(error, match=message):
        invert_files(inverter, inputs, 'out', **settings)
    assert not (tmp_path / 'out').exists()


def test_an_output_folder_that_cannot_be_written(inverter, photos, tmp_path):
    (tmp_path / 'file').touch()
    for out in (tmp_path / 'file', tmp_path / 'file' / 'below'):
        with pytest.raises(OutputError, match='output folder'):
            plan_files(photos, out)


def test_a_file_name_that_is_no_text_can_be_summarised(inverter, photos, tmp_path):
    source = photos / b'\xff\xfe.png'.decode('utf-8', 'surrogateescape')
    shutil.copy(photos / 'p0.png', source)
    outcomes = invert_files(inverter, source, tmp_path / 'out')
    assert outcomes[0].status == 'done'
    assert r'\udcff\udcfe.png' in summary(tmp_path / 'out')[0]['source']


def test_packed_results_hold_what_folders_hold(inverter, photos, tmp_path, steps):
    sizes, on_step = steps
    (photos / 'p1.png').write_bytes(b'no picture')
    folders, packed = tmp_path / 'folders', tmp_path / 'packed'
    invert_files(inverter, photos, folders)
    for _ in range(2):
        outcomes = invert_files(inverter, photos, packed, packed=True, on_step=on_step)
        assert [o.status for o in outcomes] == ['done', 'failed', 'done']
    assert sizes == [2]
    assert names(packed) == sorted([*RUN_FILES, 'shards'])
    for name in ('p0', 'p2'):
        files = read_packed(packed, name)
        assert sorted(files) == FILES
        for file in ('reconstruction.png', 'comparison.png'):
            assert files[file] == (folders / name / file).read_bytes()
        (tmp_path / 'unpacked').write_bytes(files['code.safetensors'])
        one, two = map(LatentCode.load, (tmp_path / 'unpacked', folders / name / FILES[0]))
        assert torch.equal(one.base, two.base) and torch.equal(one.detail, two.detail)
    assert names(packed / 'shards') == ['00000-00000.tar']
    invert_files(inverter, photos, packed, packed=True, restart=True)
    with tarfile.open(packed / 'shards' / '00000-00000.tar') as archive:
        assert len(archive.getnames()) == 2 * len(FILES)


def test_the_report_has_the_worst_first_and_says_why(inverter, photos, tmp_path):
    (photos / 'p|1.png').write_bytes(b'no picture')
    outcomes = invert_files(inverter, photos, tmp_path / 'out')
    report = (tmp_path / 'out' / 'report.md').read_text()
    ordered = sorted((o for o in outcomes if o.metrics), key=lambda o: o.metrics['psnr'])
    places = [report.index(f'| {o.name} | done | {o.metrics["psnr"]:.2f} |') for o in ordered]
    assert places == sorted(places)
    assert '| all | 4 |\n| done | 3 |\n| failed | 1 |' in report
    assert '| p_1 | failed | ' in report and 'not an image' in report
