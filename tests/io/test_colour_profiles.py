# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import io
import logging
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from mmgen_bdinvert.apis import to_batch
from mmgen_bdinvert.io import read_image, save_png

COLOUR, SRGB = (220, 120, 70), (248, 121, 65)  # in Adobe RGB, and as sRGB


@pytest.fixture()
def notes(caplog):
    with caplog.at_level(logging.WARNING, logger='mmgen_bdinvert'):
        yield caplog


def near(picture, colour, by=1):
    return np.abs(picture.astype(int) - colour).max() <= by


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.tif', '.webp', '.avif'])
def test_adobe_rgb_arrives_as_srgb(tmp_path, icc_profile, suffix, notes):
    image = Image.new('RGB', (16, 16), COLOUR)
    options = {'quality': 100} if suffix in ('.jpg', '.avif') else {'lossless': True}
    image.save(tmp_path / f'x{suffix}', icc_profile=icc_profile(), **options)
    assert near(read_image(tmp_path / f'x{suffix}'), SRGB, 3 if suffix in ('.jpg', '.avif') else 1)
    assert notes.messages == []


def test_in_pieces_and_as_a_pil_image(tmp_path, icc_profile):
    Image.new('RGB', (1500, 40), COLOUR).save(tmp_path / 'x.png', icc_profile=icc_profile())
    assert near(read_image(tmp_path / 'x.png'), SRGB)
    batch = to_batch(Image.open(tmp_path / 'x.png'), 8, 'rgb')
    assert near(((batch[0] + 1) * 127.5).round().permute(1, 2, 0).numpy(), SRGB)


def test_transparency_is_kept(tmp_path, icc_profile):
    Image.new('RGBA', (2, 2), (*COLOUR, 51)).save(tmp_path / 'x.png', icc_profile=icc_profile())
    expected = np.array(SRGB) * 0.2 + 255 * 0.8
    assert near(read_image(tmp_path / 'x.png'), expected, 1.5)


def test_a_palette_with_transparency(tmp_path, icc_profile):
    image = Image.new('P', (2, 1))
    image.putpalette([*COLOUR, 0, 0, 255])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / 'x.png', transparency=1, icc_profile=icc_profile())
    assert near(read_image(tmp_path / 'x.png')[0, 0], SRGB)
    assert (read_image(tmp_path / 'x.png')[0, 1] == 255).all()


@pytest.mark.parametrize('mode', ['L', 'LA', 'I;16'])
def test_grey(tmp_path, icc_profile, mode):
    profile = icc_profile(b'GRAY', gamma=1)
    image = Image.new('L', (2, 2), 128).convert('LA' if mode == 'LA' else 'L')
    if mode == 'I;16':
        image = Image.fromarray(np.full((2, 2), 128 * 257, np.uint16))
    image.save(tmp_path / 'x.png', icc_profile=profile)
    assert near(read_image(tmp_path / 'x.png'), 188)  # linear light


def test_cmyk(tmp_path, icc_profile):
    white, red, blue, black = (255, 128, 128), (138, 209, 198), (75, 196, 16), (0, 128, 128)
    # The inks in turn, the last one fastest; cyan alone shall be red, and magenta alone blue.
    corners = [black] * 16
    corners[0b0000], corners[0b1000], corners[0b0100] = white, red, blue
    image = Image.new('CMYK', (3, 1))
    image.putdata([(0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 0, 0)])
    image.save(tmp_path / 'x.tif', icc_profile=icc_profile(b'CMYK', corners=corners))
    assert near(read_image(tmp_path / 'x.tif')[0], [(255, 255, 255), (255, 0, 0), (0, 0, 255)], 4)


def test_srgb_changes_no_pixel(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    Image.fromarray(pixels).save(tmp_path / 'x.png', icc_profile=profile)
    np.testing.assert_array_equal(read_image(tmp_path / 'x.png'), pixels)


@pytest.mark.parametrize(
    ('mode', 'profile', 'reason'),
    [
        ('RGB', b'no profile' * 99, 'cannot open profile'),
        ('L', None, 'one of RGB colours, but the picture is GRAY'),
        ('CMYK', None, 'one of RGB colours, but the picture is CMYK'),
        ('RGB', bytes(2**23 + 1), '8388609 bytes, and at most 8388608 are read'),
    ],
)
def test_what_cannot_be_used_is_said_once(tmp_path, icc_profile, notes, mode, profile, reason):
    image = Image.new('RGB', (2, 2), COLOUR).convert(mode)
    image.save(tmp_path / 'x.tif', icc_profile=profile or icc_profile())
    for _ in range(2):
        np.testing.assert_array_equal(read_image(tmp_path / 'x.tif'), image.convert('RGB'))
    assert len(notes.messages) == 1
    assert reason in notes.messages[0] and 'x.tif' in notes.messages[0]


@pytest.mark.parametrize(
    'content',
    [
        b'x\0\0' + zlib.compress(bytes(5_000_000)),  # more than Pillow takes
        b'x\0\7' + zlib.compress(b'profile'),  # a compression that there is not
        b'x\0\0' + b'not compressed',
        b'',
    ],
)
def test_damaged_profiles_of_png_files(tmp_path, png_bytes, notes, content):
    data = png_bytes(1, 1, 8, 2, [bytes(COLOUR)], iCCP=content)
    (tmp_path / 'x.png').write_bytes(data)
    np.testing.assert_array_equal(read_image(tmp_path / 'x.png'), [[COLOUR]])
    assert len(notes.messages) == 1 and 'is damaged or too large' in notes.messages[0]


def test_gamma_and_primaries_without_a_profile_are_not_looked_at(tmp_path, png_bytes):
    chunks = {'gAMA': (100_000).to_bytes(4, 'big'), 'cHRM': bytes(32)}
    (tmp_path / 'x.png').write_bytes(png_bytes(1, 1, 8, 2, [bytes(COLOUR)], **chunks))
    np.testing.assert_array_equal(read_image(tmp_path / 'x.png'), [[COLOUR]])


def test_what_is_saved_says_that_it_is_srgb(tmp_path):
    save_png(tmp_path / 'x.png', np.zeros((2, 2, 3), np.uint8))
    saved = Image.open(io.BytesIO((tmp_path / 'x.png').read_bytes()))
    assert saved.info['srgb'] == 0 and 'icc_profile' not in saved.info
