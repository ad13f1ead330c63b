# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A studio of a tiny generator, whose inversions take a moment."""

import numpy as np
import pytest
import torch
from PIL import Image

from mmgen_bdinvert.editing import Direction
from mmgen_bdinvert.studio import Studio


@pytest.fixture(scope='session')
def inverter(make_inverter):
    return make_inverter(num_steps=6)


@pytest.fixture(scope='session')
def studio(inverter):
    rng = torch.Generator().manual_seed(3)
    vectors = torch.randn(2, inverter.generator.style_dim, generator=rng)
    names = ('long_beard', '')
    return Studio(inverter, [Direction(vector, name) for vector, name in zip(vectors, names)])


@pytest.fixture(scope='session')
def photos(tmp_path_factory):
    """Two photos of other sizes than the generator's."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp('photos')
    for name in ('a.png', 'b.png'):
        pixels = rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((60, 40)).save(folder / name)
    return [folder / 'a.png', folder / 'b.png']


@pytest.fixture(scope='session')
def code(inverter, sample_w_plus):
    return inverter.generator.split(sample_w_plus(inverter.generator, 1)).to('cpu')


@pytest.fixture()
def session(studio, code):
    """A session with a code and no photo."""
    return studio.opened(studio.new_session(), None, code)
