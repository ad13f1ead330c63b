# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
from PIL import Image

from mmgen_bdinvert.apis import invert_files

HOSTILE = '<img src=x onerror=alert(1)>&"\u202e'


@pytest.fixture(scope='session')
def hostile():
    """Return a file name that breaks a page which does not escape it."""
    return HOSTILE


@pytest.fixture(scope='session')
def photos(tmp_path_factory):
    """Return three photos, not square, one of them with a hostile name, and a file that is none."""
    folder = tmp_path_factory.mktemp('photos')
    rng = np.random.default_rng(0)
    for name in ('a', 'b', HOSTILE):
        pixels = rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f'{name}.png')
    (folder / 'broken & bad.png').write_text('no image')
    return folder


@pytest.fixture(scope='session')
def results(tmp_path_factory, make_inverter, photos):
    """Return an output folder of tools/invert.py."""
    folder = tmp_path_factory.mktemp('results') / 'run'
    invert_files(make_inverter(num_steps=2), photos, folder)
    return folder
