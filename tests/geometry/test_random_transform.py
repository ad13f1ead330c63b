# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import math

import pytest
import torch
from mmgen.registry import MODULES

from mmgen_bdinvert.geometry import GeometricTransform, RandomTransform

RANGES = dict(shift=0.25, rotate=45, scale=(0.5, 2.0), shear=20, flip=0.25)


def draws(count=400, seed=0, **ranges):
    rng, sampler = torch.Generator().manual_seed(seed), RandomTransform(**ranges)
    return [sampler.sample(rng) for _ in range(count)]


def test_draws_fill_their_ranges():
    found = draws(**RANGES)
    columns = {
        'dx': ([t.shift[0] for t in found], -0.25, 0.25),
        'dy': ([t.shift[1] for t in found], -0.25, 0.25),
        'rotate': ([t.rotate for t in found], -45, 45),
        'log scale': ([math.log2(t.scale) for t in found], -1, 1),
        'shear': ([t.shear for t in found], -20, 20),
    }
    for name, (values, low, high) in columns.items():
        values, width = torch.tensor(values), high - low
        assert low <= values.min() < low + 0.05 * width, name
        assert high - 0.05 * width < values.max() <= high, name
        # Uniform: the mean of 400 is right to three of its standard errors.
        assert abs(values.mean() - (low + high) / 2) < 3 * width / math.sqrt(12 * 400), name
    assert 0.18 < sum(t.flip for t in found) / 400 < 0.32
    numbers = torch.tensor([columns[name][0] for name in columns])
    assert (torch.corrcoef(numbers) - torch.eye(5)).abs().max() < 0.2


def test_the_generator_alone_decides():
    torch.manual_seed(1)
    first = draws(5, **RANGES)
    torch.manual_seed(2)
    assert draws(5, **RANGES) == first and draws(5, seed=1, **RANGES) != first
    # Every draw takes as much from the generator, so that one range does not shift another.
    assert [t.rotate for t in draws(5, rotate=45)] == [t.rotate for t in first]


def test_nothing_moves_unless_said():
    assert set(draws(3)) == {GeometricTransform()}
    assert all(t.flip for t in draws(20, flip=1))


def test_it_is_a_registry_component():
    built = MODULES.build(dict(type='RandomTransform', rotate=30, scale=[0.9, 1.1]))
    rng = torch.Generator().manual_seed(0)
    assert built.sample(rng) == draws(1, rotate=30, scale=(0.9, 1.1))[0]


@pytest.mark.parametrize(
    ('ranges', 'error', 'message'),
    [
        (dict(shift=-0.1), ValueError, 'shift of random transforms is out of range: got -0.1'),
        (dict(rotate=10**400), ValueError, 'rotate of random'),
        (dict(rotate=math.inf), ValueError, 'rotate of random'),
        (dict(shear=90), ValueError, 'shear of random'),
        (dict(flip=1.5), ValueError, 'flip of random'),
        (dict(flip=True), TypeError, 'flip of random transforms must be a number, but got True'),
        (dict(scale=(2, 1)), ValueError, '0 < low <= high'),
        (dict(scale=(0, 1)), ValueError, '0 < low <= high'),
    ],
)
def test_bad_ranges_are_refused(ranges, error, message):
    with pytest.raises(error, match=message):
        RandomTransform(**ranges)
