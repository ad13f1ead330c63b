# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What directions of several finders do to attributes."""

import pytest
import torch

from benchmarks import directions
from mmgen_bdinvert.editing import Direction


def channels(images):
    """Score how red and how blue a picture is."""
    return dict(red=images[:, 0].mean((1, 2)), blue=images[:, 2].mean((1, 2)))


@pytest.fixture()
def made(make_generator):
    generator = make_generator()
    vectors = torch.randn(3, generator.style_dim, generator=torch.Generator().manual_seed(0))
    return generator, [
        Direction(vector, name, generator.fingerprint)
        for name, vector in zip(
            ('red', 'other', 'strong'), vectors * torch.tensor([[0.1], [1], [3]])
        )
    ]


def test_a_direction_with_the_attributes_name_stands_for_it_else_the_strongest(made):
    generator, found = made
    named = directions.effects(generator, found, channels, 4)
    assert named['red'].direction == 'red' and named['blue'].direction != 'red'
    unnamed = directions.effects(generator, found[1:], channels, 4)
    alone = [directions.effects(generator, [one], channels, 4)['red'] for one in found[1:]]
    assert unnamed['red'].own == max(effect.own for effect in alone) > named['red'].own
    assert all(effect.own > 0 for effect in alone)  # the sense is chosen


def test_a_change_is_measured_in_deviations_of_its_score(made):
    generator, found = made
    thrice = lambda images: {name: 3 * score for name, score in channels(images).items()}  # noqa: E731
    one, other = (directions.effects(generator, found, by, 4) for by in (channels, thrice))
    assert one['red'].own == pytest.approx(other['red'].own, rel=1e-4)
    assert one['red'].other == 'blue'


def test_a_config_without_a_finder_is_refused():
    with pytest.raises(ValueError, match='bdinvert_inv_toon64 has no finder'):
        directions.main(['bdinvert_inv_toon64', '--device', 'cpu'])
