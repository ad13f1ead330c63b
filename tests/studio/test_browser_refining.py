# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A face is edited while its code is still being refined, in a real Chromium."""

import re
from pathlib import Path

import pytest

from mmgen_bdinvert.apis import edit, invert, render
from mmgen_bdinvert.studio.display import look
from tests.fixtures.browser import STEPS, after, drop, number, picture, set_slider, settles

PHOTOS = Path(__file__).parents[2] / 'demo/images'
if not PHOTOS.is_dir():
    pytest.skip('needs the source tree', allow_module_level=True)
HAIR = 0  # number of the target of black hair


@pytest.fixture()
def long(toon_studio):
    """An inversion that is still at work when it has been edited, on any machine."""
    toon_studio.inverter.num_steps = 2000
    yield
    toon_studio.inverter.num_steps = STEPS


def test_a_prediction_is_edited_while_it_is_refined(open_studio, expect, long):
    page = open_studio()
    status = page.locator('#status')
    drop(page, PHOTOS / 'rotated_2.png')
    expect(page.locator('#whole img')).to_be_visible()
    expect(status).to_contain_text(re.compile(r'Predicted at once: \d\d\.\d dB.*Step \d+ of 2000'))
    before = picture(page, 'whole')
    after(page, lambda: set_slider(page, f'strength_{HAIR}', 2), 'whole')
    settles(page, f'strength_{HAIR}', 2)
    expect(status.locator('progress')).to_be_visible()
    page.locator('#cancel').click()
    expect(status).to_contain_text('was cancelled at step')
    assert number(page, f'strength_{HAIR}') == 2
    after(page, lambda: page.locator('#reset').click(), 'whole')
    assert picture(page, 'whole') == before, 'the prediction stays'


def test_the_refined_code_takes_over_under_the_edit(open_studio, toon_studio, expect):
    inverter = toon_studio.inverter
    photo = toon_studio.read_photo(PHOTOS / 'rotated_2.png')
    refined = invert(inverter, photo.square).code.to('cpu')
    changed = edit(inverter, refined, toon_studio.directions[HAIR], 2)
    expected = look(render(inverter, changed)[0])
    page = open_studio()
    drop(page, PHOTOS / 'rotated_2.png')
    expect(page.locator('#whole img')).to_be_visible()
    page.get_by_role('tab', name='Squares').click()
    page.locator('#stage img.picture[src^=data]').wait_for()
    after(page, lambda: set_slider(page, f'strength_{HAIR}', 2))
    expect(page.locator('#status')).to_contain_text(f'Inverted in {STEPS} steps')
    expect(page.locator('#stage img.picture')).to_have_attribute('src', expected)
    assert number(page, f'strength_{HAIR}') == 2 and number(page, 'shift_x') == 0
    after(page, lambda: page.locator('#undo').click())
    assert picture(page) == look(render(inverter, refined)[0]) == picture(page, 'reconstruction')
