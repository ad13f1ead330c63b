# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A studio of a tiny generator, whose inversions take a moment."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from mmgen_bdinvert.editing import Direction
from mmgen_bdinvert.photos import Face, FaceFinder, Window
from mmgen_bdinvert.studio import Studio


@pytest.fixture(scope='session')
def inverter(make_inverter):
    return make_inverter(num_steps=6)


class TwoFaces(FaceFinder):
    """Finds two faces in every photo that is wider than high."""

    def look(self, photo):
        squares = (Window(200, 40, 60), Window(30, 60, 80, 20))
        return [Face(square, 0.9) for square in squares if photo.width > photo.height]


@pytest.fixture(scope='session')
def studio(inverter):
    rng = torch.Generator().manual_seed(3)
    vectors = torch.randn(2, inverter.generator.style_dim, generator=rng)
    names = ('long_beard', '')
    directions = [Direction(vector, name) for vector, name in zip(vectors, names)]
    return Studio(inverter, directions, TwoFaces())


@pytest.fixture(scope='session')
def photos(tmp_path_factory):
    """Two prepared squares, of another size than the generator's images."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp('photos')
    for name in ('a.png', 'b.png'):
        pixels = rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((40, 40)).save(folder / name)
    return [folder / 'a.png', folder / 'b.png']


@pytest.fixture(scope='session')
def wide(tmp_path_factory):
    """A photo with two faces, a profile and EXIF data."""
    rng, path = np.random.default_rng(1), tmp_path_factory.mktemp('wide') / 'group.png'
    pixels = rng.integers(0, 256, (10, 15, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x010E] = 'two people'
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    photo = Image.fromarray(pixels).resize((300, 200))
    photo.save(path, exif=exif, icc_profile=profile)
    return path


@pytest.fixture(scope='session')
def code(inverter, sample_w_plus):
    return inverter.generator.split(sample_w_plus(inverter.generator, 1)).to('cpu')


@pytest.fixture()
def session(studio, code):
    """A session with a code and no photo."""
    return studio.opened(studio.new_session(), None, code)
