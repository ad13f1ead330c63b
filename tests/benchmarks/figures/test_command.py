# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from pathlib import Path

import numpy as np
import pytest

from benchmarks.figures import __main__ as figures
from benchmarks.figures import rows
from mmgen_bdinvert.io import read_image

PHOTOS = Path(__file__).parents[3] / 'demo' / 'images'


@pytest.fixture()
def run(run_in_process):
    return run_in_process('benchmarks.figures.__main__')


def test_all_figures_by_one_command_whose_inversions_are_kept(run, tmp_path, monkeypatch):
    pytest.importorskip('stlpips_pytorch')
    monkeypatch.setattr(figures, 'FACES', ('rotated_0', 'shifted_0'))  # of four
    command = ('--work-dir', tmp_path / 'work', '--images', PHOTOS, '--steps', 1)
    code, out, err = run('--out-dir', tmp_path / 'one', *command)
    assert (code, err) == (0, '')
    assert out == f'Figures: {tmp_path / "one"}\n'
    found = {path.stem: read_image(path) for path in (tmp_path / 'one').glob('[!.]*')}
    assert sorted(found) == ['ablation', 'base_codes', 'moved_edits', 'targets', 'teaser']
    assert all(900 < picture.shape[1] < 1600 for picture in found.values())
    code = tmp_path / 'work' / 'fw_plain' / 'rotated_0' / 'code.safetensors'
    before = code.stat().st_mtime_ns
    for name in found:  # which take as long as the inversions, and have been looked at
        monkeypatch.setattr(rows, name, lambda *args: np.zeros((8, 8, 3)))
    assert run('--out-dir', tmp_path / 'two', *command)[0] == 0
    assert code.stat().st_mtime_ns == before


def test_photos_that_are_not_there(run, tmp_path):
    code, out, err = run(
        *('--out-dir', tmp_path / 'out', '--work-dir', tmp_path, '--images', tmp_path / 'none')
    )
    assert (code, out) == (2, '')
    assert err.startswith('error: ') and 'none' in err and err.count('\n') == 1
