# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A person's way through the studio, in a real Chromium.

With STUDIO_SCREENSHOTS=FOLDER the pictures of docs/studio.md are made.
"""

import re
import statistics
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmgen_bdinvert.apis import render
from mmgen_bdinvert.structures import LatentCode
from mmgen_bdinvert.studio.handlers import Handlers
from tests.fixtures.browser import (
    SHOTS,
    STEPS,
    after,
    drag,
    drop,
    number,
    picture,
    save,
    set_slider,
    settles,
    shot,
)

PHOTOS = Path(__file__).parents[2] / 'demo/images'
if not PHOTOS.is_dir():
    pytest.skip('needs the source tree', allow_module_level=True)
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


def pixels(path):
    return np.asarray(Image.open(path).convert('RGB'))


def test_a_moved_face_is_straightened_edited_and_put_back(
    open_studio, toon_studio, expect, tmp_path
):
    page = open_studio()
    status = page.locator('#status')
    toon_studio.inverter.num_steps = 2000  # enough to be cancelled on any machine
    drop(page, PHOTOS / 'rotated_2.png')
    expect(status).to_contain_text(re.compile(r'Step \d+ of \d+.*Loss .*perceptual'))
    expect(status.locator('progress')).to_be_visible()
    page.locator('#cancel').click()
    expect(status).to_contain_text('was cancelled at step')
    toon_studio.inverter.num_steps = STEPS
    page.locator('#invert').click()
    if SHOTS:
        page.wait_for_function("document.querySelector('#status progress')?.value > 5")
        shot(page, 'inverting')
    expect(status).to_contain_text('Inverted in')
    page.get_by_role('tab', name='Squares').click()
    page.locator('#stage img.picture[src^=data]').wait_for()
    same = "document.querySelector('#{} img').src"
    page.wait_for_function(f'() => {same.format("stage")} === {same.format("reconstruction")}')
    reconstruction = picture(page)
    expect(page.locator('#reconstruction img')).to_have_attribute('src', reconstruction)
    assert picture(page, 'original') not in ('', reconstruction)

    page.locator('#straighten input').click()
    expect(page.locator('#stage .frame')).to_have_class(re.compile('straightened'))
    assert number(page, 'rotate') < -10  # by itself: the face is turned by 22 degrees
    expect(status).to_contain_text('has drawn what the photo does not show')
    turned = after(page, lambda: set_slider(page, 'rotate', -22))
    x, y, scale = (number(page, name) for name in ('shift_x', 'shift_y', 'scale'))
    drag(page, 0.08, 0.03)
    settles(page, 'shift_x', x + 0.08)
    settles(page, 'shift_y', y + 0.03)
    page.mouse.wheel(0, -60)
    settles(page, 'scale', 1.06 * scale)
    straight = after(page, lambda: set_slider(page, 'strength_0', 1))  # black hair
    shot(page, 'straightened')

    back = after(page, lambda: page.locator('#straighten input').click())
    settles(page, 'rotate', 0)
    assert len({reconstruction, turned, straight, back}) == 4
    assert number(page, 'strength_0') == 1 and number(page, 'shift_x') == 0
    shot(page, 'edited')
    page.get_by_role('tab', name='Wipe').click()
    expect(page.locator('#wipe img')).to_have_count(2)
    sizes = "() => [...document.querySelectorAll('#wipe img')].map((image) => image.naturalWidth)"
    page.wait_for_function(f"({sizes})().join() === '128,128'")
    shot(page, 'wipe')
    page.get_by_role('tab', name='Squares').click()

    seen = save(page, 'picture', tmp_path)
    code = LatentCode.load(save(page, 'code', tmp_path), toon_studio.inverter.generator)
    assert np.array_equal(pixels(seen), render(toon_studio.inverter, code)[0])
    assert save(page, 'video', tmp_path).suffix == '.mp4'

    again = open_studio()  # somebody else, with the code alone
    again.locator('input[type=file][accept*=safetensors]').set_input_files(
        tmp_path / 'code.safetensors'
    )
    expect(again.locator('#status')).to_contain_text('The code is loaded.')
    again.locator('#stage img.picture[src^=data]').wait_for()
    assert picture(again) == back and picture(again, 'original') == ''
    reloaded = save(again, 'picture', tmp_path / 'again')
    assert np.array_equal(pixels(reloaded), pixels(seen))


def test_bad_files_get_a_sentence(open_studio, expect, tmp_path):
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
    big.write_bytes(b'x' * (65 << 20))
    page.locator('#photo input[type=file]').set_input_files(big)
    expect(page.get_by_text('exceed the maximum allowed size of 64.0 Mb')).to_be_visible()
    page.locator('.toast-close').click()  # it lies over the buttons, for ten seconds
    page.locator('#undo').click()
    expect(status).to_contain_text('Open a photo or a code file first.')


def test_on_a_phone(open_studio, expect):
    page = open_studio(390, 844, has_touch=True, is_mobile=True)
    page.locator('#examples button').nth(2).click()
    expect(page.locator('#status')).to_contain_text('Inverted in')
    page.wait_for_function("document.querySelector('#whole img.picture').src")
    before = picture(page, 'whole')
    page.locator('#strength_0').scroll_into_view_if_needed()
    after(page, lambda: set_slider(page, 'strength_0', 1), 'whole')  # black hair
    box = page.locator('#whole img').bounding_box()
    assert box['y'] >= 0 and box['y'] + box['height'] <= 844, 'the picture stays in view'
    assert page.evaluate('document.documentElement.scrollWidth') <= 390
    shot(page, 'narrow')
    after(page, lambda: page.locator('#reset').click(), 'whole')
    assert picture(page, 'whole') == before
    page.locator('#undo').click()
    settles(page, 'strength_0', 1)
    page.get_by_role('tab', name='Squares').click()
    expect(page.locator('#stage .for-fingers')).to_be_visible()
    assert 'wheel' not in page.locator('body').inner_text()


def test_from_slider_to_picture(open_studio, toon_studio, expect, tmp_path, capsys):
    """Every move of a slider shows its picture; how fast is printed, for docs/studio.md."""
    generator, path = toon_studio.inverter.generator, tmp_path / 'code.safetensors'
    code = generator.split(generator.to_w_plus(generator.mean_latent.view(1, -1)))
    code.save(path)
    page = open_studio()
    page.locator('input[type=file][accept*=safetensors]').set_input_files(path)
    expect(page.locator('#status')).to_contain_text('The code is loaded.')
    page.locator('#stage img.picture[src^=data]').wait_for()
    values = [round(0.1 + 0.15 * i, 2) for i in range(12)]  # within the limits of a target
    page.evaluate(MEASURE, [2, 1])  # warm up
    began = time.process_time()
    times = page.evaluate(MEASURE, values)
    busy = (time.process_time() - began) / len(values)
    handlers, alone, session = Handlers(toon_studio), [], toon_studio.new_session()
    session = toon_studio.opened(session, None, code)
    others = [0] * (len(toon_studio.directions) - 1)
    for value in values:
        start = time.perf_counter(), time.thread_time()
        shown = handlers.change(session, 0, 0, 0, 1, False, value, *others)
        alone.append((time.perf_counter() - start[0], time.thread_time() - start[1]))
    assert picture(page) == shown['stage']['picture']
    wall, processor = (1000 * statistics.median(column) for column in zip(*alone))
    with capsys.disabled():
        print(
            f'\nfrom slider to picture: {statistics.median(times):.0f} ms, fastest '
            f'{min(times):.0f} ms, of which the server computed {1000 * busy:.0f} ms; the handler '
            f'alone: {wall:.0f} ms, computing {processor:.0f} ms'
        )
