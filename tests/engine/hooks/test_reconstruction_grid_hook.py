# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmgen.registry import HOOKS
from mmgen.structures import GenDataSample
from PIL import Image

from mmgen_bdinvert.engine import ReconstructionGridHook

COLOURS = torch.tensor([[1.0, -1, -1], [-1, 1, -1], [-1, -1, 1], [1, 0.2, -1], [0.2, 1, -1]])


class Visualizer:
    def __init__(self):
        self.calls = []

    def add_image(self, name, image, step):
        self.calls.append((name, image, step))


@pytest.fixture()
def runner(tmp_path):
    return SimpleNamespace(work_dir=str(tmp_path), iter=40, visualizer=Visualizer())


def plain(colour):
    return colour.view(3, 1, 1).expand(3, 8, 8)


def batches(count=5):
    """Targets in plain colours above reconstructions in their opposites, two at a time."""
    made = [GenDataSample(target=plain(c), reconstruction=plain(-c)) for c in COLOURS[:count]]
    return [made[i : i + 2] for i in range(0, count, 2)]


def has(picture, colour):
    """Find a colour's blocks: (row, column) of each pixel."""
    rgb = (colour.numpy() * 127.5 + 127.5).round()
    rows, columns = np.nonzero((picture == rgb).all(-1))
    return (rows.min(), rows.max(), columns.min(), columns.max()) if len(rows) else None


@pytest.mark.parametrize('mode', ['val', 'test'])
def test_targets_stand_above_their_reconstructions(runner, tmp_path, mode):
    hook = HOOKS.build(dict(type='ReconstructionGridHook', max_images=3))
    for index, outputs in enumerate(batches()):
        getattr(hook, f'after_{mode}_iter')(runner, index, outputs=outputs)
    getattr(hook, f'after_{mode}_epoch')(runner)
    picture = np.array(Image.open(tmp_path / 'vis' / f'{mode}_000040.png'))
    lefts = []
    for colour in COLOURS[:3]:
        top, bottom, left, right = has(picture, colour)
        assert (bottom - top, right - left) == (7, 7)
        below = has(picture, -colour)
        assert below[0] > bottom and below[2:] == (left, right)
        lefts.append(left)
    assert lefts == sorted(lefts) and len(set(lefts)) == 3
    assert has(picture, COLOURS[3]) is None  # no more than max_images
    ((name, image, step),) = runner.visualizer.calls
    assert (name, step) == (f'{mode}_reconstruction', 40)
    np.testing.assert_array_equal(image, picture)


def test_every_round_has_a_picture_of_its_own(runner, tmp_path):
    hook = ReconstructionGridHook()
    for iteration in (40, 80):
        runner.iter = iteration
        for index, outputs in enumerate(batches(2)):
            hook.after_val_iter(runner, index, outputs=outputs)
        hook.after_val_epoch(runner)
    names = ['val_000040.png', 'val_000080.png']
    pictures = [np.array(Image.open(tmp_path / 'vis' / name)) for name in names]
    np.testing.assert_array_equal(*pictures)  # the second holds no more images than the first


def test_training_makes_no_picture(runner, tmp_path):
    hook = ReconstructionGridHook()
    hook.after_train_iter(runner, 0, outputs=dict(loss=1))
    hook.after_train_epoch(runner)
    hook.after_val_epoch(runner)  # a validation without images
    assert not list(tmp_path.iterdir())


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match='max_images is a whole number of at least 1, but got 0'):
        ReconstructionGridHook(0)
