# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A person's way through the studio, in a real Chromium.

With STUDIO_SCREENSHOTS=FOLDER the pictures of docs/studio.md are made.
"""

import io
import os
import re
import shutil
import statistics
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from mmgen_bdinvert.apis import init_inverter, render
from mmgen_bdinvert.structures import LatentCode
from mmgen_bdinvert.studio import Studio, shipped_directions
from tests.fixtures.browser import after, drag, drop, number, picture, save, set_slider, settles

pytest.importorskip('gradio', reason="needs the extra studio: pip install 'mmgen_bdinvert[studio]'")
sync_api = pytest.importorskip(
    'playwright.sync_api', reason="needs playwright: pip install 'mmgen_bdinvert[studio-tests]'"
)
CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
if CHROMIUM is None:
    pytest.skip('needs Chromium: apt-get install chromium', allow_module_level=True)

from mmgen_bdinvert.studio.handlers import Handlers  # noqa: E402
from mmgen_bdinvert.studio.page import build_page  # noqa: E402
from mmgen_bdinvert.studio.server import launch  # noqa: E402

expect = sync_api.expect
PHOTOS = Path(__file__).parents[2] / 'demo/images'
if not PHOTOS.is_dir():
    pytest.skip('needs the source tree', allow_module_level=True)
SHOTS = os.environ.get('STUDIO_SCREENSHOTS')
PATIENCE = 180_000  # ms: a busy machine is no error
STEPS = 40 if SHOTS else 20
MEASURE = """async (values) => {
  const slider = document.querySelector('#strength_0 input[type=range]');
  const image = document.querySelector('#stage img.picture');
  const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
  const times = [];
  for (const value of values) {
    const shown = new Promise((done) => {
      const observer = new MutationObserver(() => { observer.disconnect(); done(); });
      observer.observe(image, {attributes: true, attributeFilter: ['src']});
    });
    const start = performance.now();
    set.call(slider, value);
    slider.dispatchEvent(new Event('input', {bubbles: true}));
    await shown;
    await image.decode();
    times.push(performance.now() - start);
  }
  return times;
}"""


@pytest.fixture(scope='module')
def studio():
    options = {'model.num_steps': STEPS}
    inverter = init_inverter('bdinvert_inv_toon128', device='cpu', cfg_options=options)
    return Studio(inverter, shipped_directions(inverter.generator))


@pytest.fixture(scope='module')
def address(studio):
    page = build_page(Handlers(studio, sorted(PHOTOS.glob('*.png'))), 'bdinvert_inv_toon128')
    yield launch(page)
    page.close()


@pytest.fixture(scope='module')
def browser():
    expect.set_options(timeout=PATIENCE)
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
        yield chromium
        chromium.close()


@pytest.fixture()
def open_studio(browser, address):
    """Return windows on the studio; afterwards, none may have failed or asked another server."""
    contexts, errors, asked = [], [], set()

    def make(width=1280, height=900):
        context = browser.new_context(
            viewport={'width': width, 'height': height}, color_scheme='light', accept_downloads=True
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on('pageerror', lambda error: errors.append(str(error)))
        page.on('request', lambda request: asked.add(urlsplit(request.url)))
        page.goto(address)
        page.locator('#stage .frame').wait_for()
        return page

    yield make
    for context in contexts:
        context.close()
    assert errors == []
    web = {url.hostname for url in asked if url.scheme.startswith('http')}
    assert web == {'127.0.0.1'}


def shot(page, name):
    if SHOTS:
        page.wait_for_timeout(1500)
        image = Image.open(io.BytesIO(page.screenshot(animations='disabled')))
        image.convert('RGB').save(Path(SHOTS, f'studio_{name}.webp'), quality=85, method=6)


def pixels(path):
    return np.asarray(Image.open(path).convert('RGB'))


def test_a_moved_face_is_straightened_edited_and_put_back(open_studio, studio, tmp_path):
    page = open_studio()
    status = page.locator('#status')
    studio.inverter.num_steps = 2000  # enough to be cancelled on any machine
    drop(page, PHOTOS / 'rotated_2.png')
    expect(status).to_contain_text(re.compile(r'Step \d+ of \d+.*Loss .*perceptual'))
    expect(status.locator('progress')).to_be_visible()
    page.locator('#cancel').click()
    expect(status).to_contain_text('was cancelled at step')
    studio.inverter.num_steps = STEPS
    page.locator('#invert').click()
    if SHOTS:
        page.wait_for_function("document.querySelector('#status progress')?.value > 5")
        shot(page, 'inverting')
    expect(status).to_contain_text('Inverted in')
    page.wait_for_function("document.querySelector('#stage img.picture').src")
    reconstruction = picture(page)
    expect(page.locator('#reconstruction img')).to_have_attribute('src', reconstruction)
    assert picture(page, 'original') not in ('', reconstruction)

    page.locator('#straighten input').click()
    expect(page.locator('#stage .frame')).to_have_class(re.compile('straightened'))
    turned = after(page, lambda: set_slider(page, 'rotate', -22))
    drag(page, 0.08, 0.03)
    settles(page, 'shift_x', 0.08)
    settles(page, 'shift_y', 0.03)
    page.mouse.wheel(0, -60)
    settles(page, 'scale', 1.06)
    straight = after(page, lambda: set_slider(page, 'strength_3', 2))  # hair lightness
    shot(page, 'straightened')

    back = after(page, lambda: page.locator('#straighten input').click())
    settles(page, 'rotate', 0)
    assert len({reconstruction, turned, straight, back}) == 4
    assert number(page, 'strength_3') == 2 and number(page, 'shift_x') == 0
    shot(page, 'edited')
    page.get_by_role('tab', name='Wipe').click()
    expect(page.locator('#wipe img')).to_have_count(2)
    sizes = "() => [...document.querySelectorAll('#wipe img')].map((image) => image.naturalWidth)"
    page.wait_for_function(f"({sizes})().join() === '128,128'")
    shot(page, 'wipe')
    page.get_by_role('tab', name='Side by side').click()

    seen = save(page, 'picture', tmp_path)
    code = LatentCode.load(save(page, 'code', tmp_path), studio.inverter.generator)
    assert np.array_equal(pixels(seen), render(studio.inverter, code)[0])
    assert Image.open(save(page, 'video', tmp_path)).n_frames == 46

    again = open_studio()  # somebody else, with the code alone
    assert picture(again) == ''
    again.locator('input[type=file][accept*=safetensors]').set_input_files(
        tmp_path / 'code.safetensors'
    )
    expect(again.locator('#status')).to_contain_text('The code is loaded.')
    again.wait_for_function("document.querySelector('#stage img.picture').src")
    assert picture(again) == back and picture(again, 'original') == ''
    reloaded = save(again, 'picture', tmp_path / 'again')
    assert np.array_equal(pixels(reloaded), pixels(seen))


def test_bad_files_get_a_sentence(open_studio, tmp_path):
    page = open_studio()
    status = page.locator('#status')
    notes, other, big = (tmp_path / n for n in ('notes.png', 'other.safetensors', 'big.png'))
    notes.write_text('no image')
    drop(page, notes)
    expect(status).to_contain_text("'notes.png' is not an image in a known format")
    assert number(page, 'scale') == 1  # nothing else has changed
    other.write_text('no code')
    codes = page.locator('input[type=file][accept*=safetensors]')
    codes.set_input_files(other)
    expect(status).to_contain_text('other.safetensors is not a readable latent code')
    assert str(tmp_path) not in status.inner_text() and '/tmp' not in status.inner_text()
    big.write_bytes(b'x' * (21 << 20))
    page.locator('#photo input[type=file]').set_input_files(big)
    expect(page.get_by_text('exceed the maximum allowed size of 20.0 Mb')).to_be_visible()
    page.locator('#undo').click()
    expect(status).to_contain_text('Open a photo or a code file first.')


def test_in_a_narrow_window(open_studio):
    page = open_studio(390, 844)
    page.locator('#examples button').nth(2).click()
    expect(page.locator('#status')).to_contain_text('Inverted in')
    page.wait_for_function("document.querySelector('#stage img.picture').src")
    before = picture(page)
    page.locator('#strength_3').scroll_into_view_if_needed()
    after(page, lambda: set_slider(page, 'strength_3', 2))  # hair lightness
    box = page.locator('#stage .frame').bounding_box()
    assert box['y'] >= 0 and box['y'] + box['height'] <= 844, 'the picture stays in view'
    assert page.evaluate('document.documentElement.scrollWidth') <= 390
    shot(page, 'narrow')
    after(page, lambda: page.locator('#reset').click())
    assert picture(page) == before
    page.locator('#undo').click()
    settles(page, 'strength_3', 2)


def test_from_slider_to_picture(open_studio, studio, tmp_path, capsys):
    """Every move of a slider shows its picture; how fast is printed, for docs/studio.md."""
    generator, path = studio.inverter.generator, tmp_path / 'code.safetensors'
    code = generator.split(generator.to_w_plus(generator.mean_latent.view(1, -1)))
    code.save(path)
    page = open_studio()
    page.locator('input[type=file][accept*=safetensors]').set_input_files(path)
    expect(page.locator('#status')).to_contain_text('The code is loaded.')
    values = [round(-1.5 + 0.1 * i, 2) for i in range(30)]
    page.evaluate(MEASURE, [2, 1])  # warm up
    began = time.process_time()
    times = page.evaluate(MEASURE, values)
    busy = (time.process_time() - began) / len(values)
    handlers, alone, session = Handlers(studio), [], studio.new_session()
    session = studio.opened(session, None, code)
    for value in values:
        start = time.perf_counter(), time.thread_time()
        shown = handlers.change(session, 0, 0, 0, 1, False, value, 0, 0, 0, 0, 0)
        alone.append((time.perf_counter() - start[0], time.thread_time() - start[1]))
    assert picture(page) == shown['stage']['picture']
    wall, processor = (1000 * statistics.median(column) for column in zip(*alone))
    with capsys.disabled():
        print(
            f'\nfrom slider to picture: {statistics.median(times):.0f} ms, fastest '
            f'{min(times):.0f} ms, of which the server computed {1000 * busy:.0f} ms; the handler '
            f'alone: {wall:.0f} ms, computing {processor:.0f} ms'
        )
