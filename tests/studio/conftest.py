# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A studio of a tiny generator, whose inversions take a moment, and one in a real Chromium."""

from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from mmgen_bdinvert.apis import init_finder, init_inverter, load_config
from mmgen_bdinvert.editing import Direction
from mmgen_bdinvert.photos import Face, FaceFinder, Window
from mmgen_bdinvert.studio import Studio, shipped_directions
from mmgen_bdinvert.studio.handlers import Handlers
from tests.fixtures.browser import STEPS

DEMO = Path(__file__).parents[2] / 'demo'
PATIENCE = 180_000  # ms: a busy machine is no error


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


@pytest.fixture(scope='session')
def toon_studio():
    options = {'model.num_steps': STEPS}
    inverter = init_inverter('bdinvert_inv_toon128', device='cpu', cfg_options=options)
    finder = init_finder(load_config('bdinvert_inv_toon128'))
    return Studio(inverter, shipped_directions(inverter.generator), finder)


@pytest.fixture(scope='session')
def expect(playwright):
    playwright.expect.set_options(timeout=PATIENCE)
    return playwright.expect


@pytest.fixture(scope='session')
def toon_address(browser, toon_studio):
    reason = "needs the extra studio: pip install 'mmgen_bdinvert[studio]'"
    pytest.importorskip('gradio', reason=reason)
    from mmgen_bdinvert.studio.handlers import Handlers
    from mmgen_bdinvert.studio.page import build_page
    from mmgen_bdinvert.studio.server import launch

    examples = sorted((DEMO / 'images').glob('*.png'))
    page = build_page(Handlers(toon_studio, examples), 'bdinvert_inv_toon128')
    yield launch(page)
    page.close()


@pytest.fixture()
def open_studio(browser, toon_address):
    """Return windows on the studio; afterwards, none may have failed or asked another server."""
    contexts, errors, asked = [], [], set()

    def make(width=1280, height=800, **device):
        size = {'width': width, 'height': height}
        context = browser.new_context(viewport=size, color_scheme='light', **device)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on('pageerror', lambda error: errors.append(str(error)))
        page.on('request', lambda request: asked.add(urlsplit(request.url)))
        page.goto(toon_address)
        page.locator('#start').wait_for()
        return page

    yield make
    for context in contexts:
        context.close()
    assert errors == []
    web = {url.hostname for url in asked if url.scheme.startswith('http')}
    assert web == {'127.0.0.1'}


@pytest.fixture()
def handlers(studio):
    return Handlers(studio)


@pytest.fixture()
def shown(handlers, wide):
    return handlers.open_photo(handlers.studio.new_session(), wide, 'me')


@pytest.fixture()
def inverted(handlers, shown):
    return list(handlers.invert(shown['session'], 'me'))[-1]['session']
