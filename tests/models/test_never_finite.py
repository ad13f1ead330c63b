# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""An image whose loss or gradient is never finite is stopped, however short the run is."""

import pytest
import torch
from torch import nn


class Broken(nn.Module):
    """Mean squared error that is, or whose gradient is, NaN for the second image."""

    compares, loss_weight = 'image', 1.0

    def __init__(self, gradient_only=False, until=100):
        super().__init__()
        self.gradient_only, self.until, self.calls = gradient_only, until, 0

    def prepare(self, target):
        return target

    def forward(self, image, target):
        rows = (image - target).square().flatten(1).mean(1)
        self.calls += 1
        if self.calls > self.until:
            return rows
        second = rows[1:2]  # the others' gradients stay apart
        factor = 1 + (0 * second).sqrt() if self.gradient_only else torch.nan
        return torch.cat([rows[:1], second * factor, rows[2:]])


@pytest.fixture(scope='module')
def images(make_generator, sample_w_plus):
    generator = make_generator()
    with torch.no_grad():
        return generator.synthesis(sample_w_plus(generator, 3)).clamp(-1, 1)


@pytest.mark.parametrize('keep_best', [False, True])
@pytest.mark.parametrize('gradient_only', [False, True])
@pytest.mark.parametrize('num_steps', [0, 1, 2, 3, 4, 12])
def test_it_is_stopped(make_inverter, images, num_steps, gradient_only, keep_best):
    losses = dict(pixel=Broken(gradient_only))
    inverter = make_inverter(losses, num_steps=num_steps, keep_best=keep_best)
    result = inverter.invert(images)
    # A gradient that nobody asks for is no fault.
    last = -1 if num_steps == 0 and gradient_only else min(num_steps, inverter.max_setbacks)
    assert result.stopped_at.tolist() == [-1, last, -1]
    assert torch.isfinite(result.reconstruction).all()


def test_one_sound_step_is_enough(make_inverter, images):
    result = make_inverter(dict(pixel=Broken(until=2)), num_steps=3).invert(images)
    assert result.stopped_at.tolist() == [-1, -1, -1] and result.setbacks.tolist() == [0, 2, 0]
