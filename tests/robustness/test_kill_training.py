# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The short form of ``kill_training.py``; docs/reliability.md has the figures of the long."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import kill_training
import pytest
import torch

from mmgen_bdinvert.io.outputs import temporary_name

TOOL = Path(kill_training.__file__)


@pytest.fixture(scope='module')
def killed(tmp_path_factory):
    """Return the folder of a test with three kills."""
    out = tmp_path_factory.mktemp('kills') / 'out'
    command = [sys.executable, TOOL, 'bdinvert_enc_toon64', '--out-dir', out, '--kills', 3]
    command += ['--every', 1, '--seed', 7, '--cfg-options', 'train_cfg.max_iters=12']
    command += ['train_dataloader.batch_size=1', 'val_dataloader.dataset.length=1']
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + (out / 'log.txt').read_text()[-2000:]
    return out


@pytest.mark.long
def test_the_training_is_the_same(killed):
    figures = json.loads((killed / 'kill_training.json').read_text())
    assert figures['kills'] == 3 and figures['problems'] == []
    assert figures['iterations'] == 12 * figures['trainings']
    assert figures['moments']['writing'] >= 1


def change_weights(path):
    checkpoint = torch.load(path, weights_only=True)
    checkpoint['state_dict']['encoder.model.0.weight'][0] += 1e-6
    torch.save(checkpoint, path)


def change_optimizer(path):
    checkpoint = torch.load(path, weights_only=True)
    checkpoint['optimizer']['param_groups'][0]['lr'] *= 2
    torch.save(checkpoint, path)


def edit_log(folder, edit):
    for path in folder.glob('*/vis_data/scalars.json'):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text(''.join(edit(line) for line in lines))


def without(name):
    return lambda line: '' if name in line and '"step": 4}' in line else line


@pytest.mark.long
@pytest.mark.parametrize(
    ('harm', 'problem'),
    [
        (lambda d: edit_log(d, without('loss_pixel')), 'loss of iteration 4 was not logged'),
        (lambda d: edit_log(d, without('psnr')), 'psnr of iteration 4 was not logged'),
        (lambda d: edit_log(d, lambda s: s + s.replace('"loss": ', '"loss": 1')), 'loss of iter'),
        (lambda d: change_weights(d / 'iter_12.pth'), 'iter_12.pth is not the same'),
        (lambda d: change_optimizer(d / 'iter_12.pth'), 'iter_12.pth is not the same'),
        (lambda d: change_weights(next(d.glob('best_*'))), '.pth is not the same'),
        (lambda d: next(d.glob('best_*')).unlink(), '.pth is not the same'),
        (lambda d: shutil.copy(next(d.glob('best_*')), d / 'best_0.pth'), 'best_0.pth is not'),
        (lambda d: (d / 'iter_10.pth').write_bytes(b'half'), 'is not a readable checkpoint'),
        (lambda d: (d / 'vis' / temporary_name()).touch(), 'was left behind'),
    ],
)
def test_the_comparison_sees_what_is_wrong(killed, tmp_path, harm, problem):
    folder = shutil.copytree(killed / 'killed_1', tmp_path / 'copy')
    assert kill_training.problems_of(folder, killed / 'undisturbed') == []
    harm(folder)
    problems = kill_training.problems_of(folder, killed / 'undisturbed')
    assert any(problem in one for one in problems), problems
