# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A person's way from a large photo to the same with an edit, in a real Chromium."""

import re
import time

import numpy as np
import pytest
from PIL import Image, ImageCms

from mmgen_bdinvert.io.decoding import decode
from mmgen_bdinvert.photos import Window
from tests.fixtures.browser import after, drop, number, picture, save, set_slider, settles, shot

LARGE = (3000, 2000)
PEOPLE = {  # from the largest on
    'h107': Window(80, 780, 1300, 12),
    'h100': Window(1850, 1140, 900, -14),
    'h1': Window(1320, 1420, 630, 8),
}
CENTRE = '500,0 2500,0 2500,2000 500,2000'
SHOWN = "(wanted) => document.querySelector('#whole img.picture').src === wanted"


@pytest.fixture(scope='module')
def large(tmp_path_factory):
    """A photo with three faces that lies on its side, with a profile."""
    pytest.importorskip('resvg_py', reason="needs the drawing packages: the extra 'toon'")
    from projects.toon_faces.photos import draw_photo

    faces, squares = zip(*PEOPLE.items())
    photo, _ = draw_photo('studio', LARGE, faces=faces, scene='hills', squares=squares)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, 'a camera'
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    path = tmp_path_factory.mktemp('large') / 'party.jpg'
    on_its_side = photo.transpose(Image.Transpose.ROTATE_90)
    on_its_side.save(path, quality=92, exif=exif, icc_profile=profile)
    return path


def points(page):
    """The corners of the window in pixels of the photo, (4, 2)."""
    text = page.locator('#window polygon.window').get_attribute('points')
    return np.array([corner.split(',') for corner in text.split()], float)


def pull(page, part, dx, dy, nth=0):
    box = page.locator(f'#window .{part}').nth(nth).bounding_box()
    x, y = box['x'] + box['width'] / 2, box['y'] + box['height'] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx, y + dy, steps=4)
    page.mouse.up()


@pytest.fixture()
def answered(toon_studio, monkeypatch):
    """Do something that moves the window, until the server has answered all of it.

    An earlier answer that came during a later gesture would take the window back for a moment.
    """
    calls, original = [], toon_studio.looked_at

    def looked_at(*args):
        calls.append(None)
        try:
            return original(*args)
        finally:
            calls[-1] = time.monotonic()

    monkeypatch.setattr(toon_studio, 'looked_at', looked_at)

    def wait(page, act):
        before, began = len(calls), time.monotonic()
        act()
        while time.monotonic() < began + 60:
            page.wait_for_timeout(100)
            new = calls[before:]
            if new and None not in new and time.monotonic() > max(new) + 0.7:
                return
        raise AssertionError('The window was not moved.')

    return wait


def test_from_dropping_a_large_photo_to_downloading_it_edited(
    open_studio, toon_studio, expect, large, answered, tmp_path
):
    page = open_studio()
    status, chosen = page.locator('#status'), page.locator('#choice input:checked')
    expect(page.locator('#start')).to_contain_text('Drop a photo')
    shot(page, 'start')
    drop(page, large)
    expect(status).to_contain_text('3 faces are found')
    expect(page.locator('#start')).to_be_hidden()
    expect(page.locator('#choice input')).to_have_count(4)
    expect(chosen).to_have_value('1')
    shot(page, 'window')

    answered(page, page.locator('#window [data-face="1"]').click)
    expect(chosen).to_have_value('2')
    second = points(page)
    outline = page.locator('#window polygon.window').get_attribute('points')
    answered(page, lambda: pull(page, 'window', 40, -30))
    expect(status).to_contain_text('The window has moved')
    expect(chosen).to_have_count(0)
    moved = points(page)
    assert np.ptp(moved - second, 0).max() < 1 and (moved - second)[0, 0] > 50
    answered(page, lambda: pull(page, 'corner', 15, 15, nth=2))
    grown = points(page)
    assert np.ptp(grown[:, 0]) > np.ptp(moved[:, 0]) + 50
    answered(page, lambda: pull(page, 'turn', 30, 0))
    assert abs(points(page)[0, 1] - points(page)[1, 1]) > 50
    answered(page, page.get_by_label('centre square').click)
    expect(page.locator('#window polygon.window')).to_have_attribute('points', CENTRE)
    answered(page, page.locator('#choice input').nth(1).click)
    expect(chosen).to_have_value('2')
    expect(page.locator('#window polygon.window')).to_have_attribute('points', outline)

    page.locator('#invert').click()
    expect(status).to_contain_text('Inverted in')
    expect(status.locator('.verdict')).to_have_text(re.compile('fit|doubtful'))
    expect(page.locator('#whole img')).to_be_visible()
    expect(page.locator('#window')).to_be_hidden()
    unedited = picture(page, 'whole')
    assert unedited == picture(page, 'window')
    edited = after(page, lambda: set_slider(page, 'strength_1', 1), 'whole')  # blond hair
    settles(page, 'strength_1', 1)
    shot(page, 'photo')
    height = page.viewport_size['height']
    for name in ('#undo', '#strength_0', '#strength_13', '#shift_x', '#scale', '#save_video'):
        box = page.locator(name).bounding_box()
        assert box['y'] >= 0 and box['y'] + box['height'] <= height, name

    page.keyboard.press('Control+z')
    settles(page, 'strength_1', 0)
    page.wait_for_function(SHOWN, arg=unedited)
    page.keyboard.press('Control+y')
    settles(page, 'strength_1', 1)
    page.wait_for_function(SHOWN, arg=edited)

    path = save(page, 'photo', tmp_path)
    assert path.name == 'party_edited.png'
    before, after_ = np.asarray(decode(large)), np.asarray(Image.open(path))
    assert before.shape == after_.shape == (2000, 3000, 3)
    changed = (before != after_).any(2)
    left, top, right, bottom = (int(value) for value in (*second.min(0), *second.max(0)))
    assert changed.mean() > 0.005
    changed[max(top, 0) : bottom + 1, max(left, 0) : right + 1] = False
    assert not changed.any(), 'outside the window it is the photo that was dropped'
    with Image.open(path) as image, Image.open(large) as dropped:
        assert image.info['icc_profile'] == dropped.info['icc_profile']
        assert image.getexif()[0x010F] == 'a camera' and image.getexif().get(0x0112, 1) == 1

    page.locator('#straighten input').click()
    expect(page.get_by_role('tab', name='Squares')).to_have_attribute('aria-selected', 'true')
    face = toon_studio.read_photo(large).faces[1].square
    settles(page, 'rotate', round(-face.angle))
    expect(page.locator('#stage .frame')).to_have_class(re.compile('straightened'))
    assert number(page, 'strength_1') == 1
    for part in ('#original img', '#reconstruction img', '#stage .picture', '#stage .guide'):
        expect(page.locator(part)).to_have_attribute('src', re.compile('^data:image/.{99}'))


def test_another_window_after_an_edit(open_studio, expect, large):
    page = open_studio()
    drop(page, large)
    expect(page.locator('#choice input')).to_have_count(4)
    page.locator('#invert').click()
    expect(page.locator('#whole img')).to_be_visible()
    page.locator('#again').click()
    expect(page.locator('#window')).to_be_visible()
    page.locator('#choice input').nth(2).click()
    expect(page.locator('#status')).to_contain_text('The window has moved')
    assert picture(page, 'whole') == ''
    page.locator('#save_photo').click()
    expect(page.locator('#status')).to_contain_text('not inverted yet')
