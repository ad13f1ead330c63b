# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from mmgen_bdinvert.geometry import GeometricTransform
from mmgen_bdinvert.io.decoding import decode
from mmgen_bdinvert.io.profiles import profile_to_srgb
from mmgen_bdinvert.photos import Window, cut
from mmgen_bdinvert.photos import put_back as module
from mmgen_bdinvert.photos.put_back import feather, put_back
from mmgen_bdinvert.photos.whole_photo import WholePhoto

WINDOW = Window(60, -20, 120, 10)


def picture(mode='RGB', size=(240, 160)):
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 255, (20, 30, 3), np.uint8)).resize(size)
    return noise.convert(mode)


@pytest.fixture()
def photo(tmp_path):
    picture().save(tmp_path / 'photo.png')
    return WholePhoto(tmp_path / 'photo.png')


def seen(photo, size=64):
    return cut(Image.fromarray(photo.pixels), WINDOW, size)


def share_of(photo):
    height, width = photo.pixels.shape[:2]
    y, x = np.mgrid[0:height, 0:width] + 0.5
    return feather(WINDOW.to_window(torch.from_numpy(np.stack([x, y], -1)))).numpy()


def test_no_edit_and_no_motion_gives_the_photo(photo):
    anything = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    assert np.array_equal(put_back(photo, WINDOW, anything, anything), photo.pixels)


@pytest.mark.parametrize('motion', [None, GeometricTransform((0.05, 0.02), 8), 'flip'])
def test_outside_the_window_the_photo_stays(photo, motion):
    motion = GeometricTransform(flip=True) if motion == 'flip' else motion
    before = seen(photo)
    new = put_back(photo, WINDOW, before, 255 - before, motion=motion)
    same = (new == photo.pixels).all(2)
    assert same[share_of(photo) == 0].all() and same.mean() < 0.9


def test_an_edit_is_added_and_detail_stays(photo):
    before = seen(photo)
    after = np.clip(before.astype(int) + (20, 0, -10), 0, 255).astype(np.uint8)
    new = put_back(photo, WINDOW, before, after).astype(int)
    inside = (share_of(photo) == 1) & (photo.pixels.min(2) > 30) & (photo.pixels.max(2) < 220)
    assert np.abs((new - photo.pixels)[inside] - (20, 0, -10)).max() <= 2


def blurred(pixels, size=64):
    small = Image.fromarray(pixels).resize((2 * size // 3,) * 2, Image.Resampling.BOX)
    return np.array(small.resize((size, size), Image.Resampling.BICUBIC))


def test_a_change_along_an_edge_of_the_photo_has_that_edge(tmp_path, monkeypatch):
    pixels = np.full((160, 240, 3), (180, 190, 200), np.uint8)
    pixels[:, :123] = 60, 40, 30  # hair before the sky
    Image.fromarray(pixels).save(tmp_path / 'photo.png')
    photo, window = WholePhoto(tmp_path / 'photo.png'), Window(40, 0, 160)
    hair = np.zeros_like(pixels)
    hair[:, :123] = 80
    before, change = (blurred(cut(Image.fromarray(p), window, 64)) for p in (pixels, hair))
    found = put_back(photo, window, before, before + change).astype(int)[80] - pixels[80]
    nothing = torch.zeros(1, 12, 1, 1)
    monkeypatch.setattr(module, '_guided', lambda change, guide: (change, nothing))
    plain = put_back(photo, window, before, before + change).astype(int)[80] - pixels[80]
    assert (found[100:123] > 60).all() and (plain[100:120] > 60).all()
    # An edge, where there was a slope that reached into the sky.
    assert found[122].min() > 5 * found[123].max() and plain[122].min() < 3 * plain[123].max()
    assert found[123:].sum() < 0.7 * plain[123:].sum()


def test_a_change_that_the_photo_does_not_explain_stays(photo):
    before = seen(photo)
    spot = np.zeros((64, 64, 1), int)
    spot[30:34, 30:34] = 60
    after = np.clip(before + spot, 0, 255).astype(np.uint8)
    change = put_back(photo, WINDOW, before, after).astype(int) - photo.pixels
    x, y = WINDOW.to_photo(torch.zeros(2)).round().long().tolist()
    room = np.minimum(60, 255 - photo.pixels[y, x].astype(int))
    assert (change[y, x] > 0.6 * room).all()
    far = np.hypot(*(np.mgrid[0:160, 0:240] - np.array([y, x])[:, None, None])) > 16
    assert np.abs(change[far]).max() <= 3


def test_what_the_reconstruction_had_not_met_is_hardly_changed(photo):
    before = seen(photo)
    before[:, :32] = 255 - before[:, :32] // 2  # as if a hand lay there
    new = put_back(photo, WINDOW, before, np.clip(before.astype(int) - 30, 0, 255).astype(np.uint8))
    step = np.abs(new.astype(int) - photo.pixels).max(2)
    y, x = np.mgrid[0:160, 0:240] + 0.5
    side = WINDOW.to_window(torch.from_numpy(np.stack([x, y], -1))).numpy()[..., 0]
    inside = share_of(photo) == 1
    assert np.median(step[inside & (side < -0.2)]) < 5 < 25 < np.median(step[inside & (side > 0.2)])


def test_what_is_far_from_a_face_stays(photo):
    square = Window(100, 20, 50, 30)
    new = put_back(photo, WINDOW, seen(photo), 255 - seen(photo), square=square)
    y, x = np.mgrid[0:160, 0:240] + 0.5
    away = np.hypot(x - 125, y - 45)
    same = (new == photo.pixels).all(2)
    points = torch.from_numpy(np.stack([x, y], -1))
    above = square.to_window(points).numpy()[..., 1] < 0
    assert same[away > 50].all() and same[(away > 37.5) & above].all()
    assert not same[away < 10].all()


def test_a_motion_moves_the_pixels_of_the_photo(tmp_path):
    pixels = np.full((200, 200, 3), 90, np.uint8)
    pixels[95:105, 95:105] = (250, 30, 30)
    Image.fromarray(pixels).save(tmp_path / 'a.png')
    photo, window = WholePhoto(tmp_path / 'a.png'), Window(0, 0, 200)
    blank = np.zeros((32, 32, 3), np.uint8)
    new = put_back(photo, window, blank, blank, motion=GeometricTransform((0.1, -0.05)))
    assert np.abs(new[85:95, 115:125].astype(int) - (250, 30, 30)).max() <= 1
    assert (new[95:105, 95:105] == 90).all()  # uncovered: what surrounds it


def test_a_motion_keeps_the_seam(photo):
    new = put_back(photo, WINDOW, seen(photo), seen(photo), motion=GeometricTransform(rotate=15))
    near = (share_of(photo) > 0) & (share_of(photo) < 0.02)
    assert np.abs(new.astype(int) - photo.pixels)[near].mean() < 3


@pytest.mark.parametrize('orientation', [1, 6])
def test_profile_exif_and_alpha_are_kept(tmp_path, orientation):
    image, path = picture('RGBA'), tmp_path / 'photo.png'
    image.putalpha(Image.linear_gradient('L').resize(image.size))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = 'a description', orientation
    image.save(path, icc_profile=profile, exif=exif)
    photo = WholePhoto(path)
    photo.save(tmp_path / 'new.png', photo.pixels)
    with Image.open(tmp_path / 'new.png') as new:
        assert new.info['icc_profile'] == profile and new.getexif()[0x010E] == 'a description'
        assert new.getexif().get(0x0112, 1) == 1
        upright = np.array(image) if orientation == 1 else np.rot90(np.array(image), -1)
        assert np.array_equal(np.array(new), upright)


def swapped_profile():
    """sRGB, but for red and green in each other's place."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes())
    red, green = profile.find(b'rXYZ'), profile.find(b'gXYZ')
    profile[red : red + 4], profile[green : green + 4] = b'gXYZ', b'rXYZ'
    return bytes(profile)


def test_an_edit_is_made_in_the_colours_of_the_photo(tmp_path):
    path = tmp_path / 'photo.png'
    picture().save(path, icc_profile=swapped_profile())
    photo, shown = WholePhoto(path), np.asarray(decode(path)).astype(int)
    before = photo.srgb(seen(photo))
    after = np.clip(before.astype(int) + (25, 0, 0), 0, 255).astype(np.uint8)
    photo.save(tmp_path / 'new.png', put_back(photo, WINDOW, before, after))
    new = np.asarray(decode(tmp_path / 'new.png')).astype(int)
    inside = (share_of(photo) == 1) & (shown.max(2) < 220) & (shown.min(2) > 20)
    assert np.abs((new - shown)[inside].mean(0) - (25, 0, 0)).max() < 2


def test_a_photo_becomes_srgb_if_its_profile_knows_no_way_back(tmp_path, icc_profile):
    path = tmp_path / 'photo.png'
    corners = [(200, 90 + 10 * i, 160 - 10 * i) if i else (20, 128, 128) for i in range(8)]
    picture().save(path, icc_profile=icc_profile(b'RGB ', corners=corners))
    photo, shown = WholePhoto(path), np.asarray(decode(path))
    assert not np.array_equal(shown, np.asarray(picture()))
    assert np.array_equal(photo.pixels, shown)
    photo.save(tmp_path / 'new.png', photo.pixels)
    with Image.open(tmp_path / 'new.png') as new:
        assert 'icc_profile' not in new.info and new.info['srgb'] == 0


def test_a_profile_that_is_not_read_is_not_applied_here_either(tmp_path, monkeypatch):
    path = tmp_path / 'photo.png'
    picture().save(path, icc_profile=swapped_profile())
    monkeypatch.setattr('mmgen_bdinvert.io.profiles._MAX_PROFILE_BYTES', 99)
    profile_to_srgb.cache_clear()
    photo = WholePhoto(path)
    shown = photo.srgb(photo.pixels)
    profile_to_srgb.cache_clear()
    assert np.array_equal(shown, photo.pixels) and np.array_equal(photo.own(shown), shown)


@pytest.mark.parametrize('mode', ['L', 'P', 'CMYK', 'I;16'])
def test_other_modes_become_srgb(tmp_path, mode):
    path = tmp_path / ('photo.jpg' if mode == 'CMYK' else 'photo.png')
    image = picture('L').convert('I;16') if mode == 'I;16' else picture(mode)
    image.save(path)
    photo = WholePhoto(path)
    assert np.array_equal(photo.pixels, np.asarray(decode(path)))
    photo.save(tmp_path / 'new.png', photo.pixels)
    assert np.array_equal(np.asarray(decode(tmp_path / 'new.png')), photo.pixels)
