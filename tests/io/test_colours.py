# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Pixels of every kind, against values from their formats' specifications."""

import struct

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from mmgen_bdinvert.io import read_image

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def words(*values):
    return struct.pack(f'>{len(values)}H', *values)


def on_white(bgra):
    """Composite what OpenCV decodes, 8 or 16 bits, on white: an independent decoder of PNG."""
    values = bgra.astype(float) / np.iinfo(bgra.dtype).max
    rgb, alpha = values[..., 2::-1], values[..., 3:]
    return 255 * (rgb * alpha + 1 - alpha)


@pytest.mark.parametrize(
    ('depth', 'row', 'clear', 'expected'),
    [
        (16, words(0, 32 * 257, 65535), 32 * 257, [0, 255, 255]),
        (16, words(0, 32 * 257, 65535), 32, [0, 32, 255]),
        (16, words(0, 32 * 257 + 1), 32 * 257, [0, 32]),
        (8, bytes([0, 32, 200]), 32, [0, 255, 200]),
        (8, bytes([0, 32, 200]), 256 + 32, [0, 255, 200]),  # only the low bits count
        (4, bytes([0x1B]), 1, [255, 187]),
        (2, bytes([0b00011011]), 1, [0, 255, 170, 255]),
        (1, bytes([0b01000000]), 0, [255] * 8),
    ],
)
def test_the_transparent_grey_of_a_png(tmp_path, png_bytes, depth, row, clear, expected):
    data = png_bytes(len(expected), 1, depth, 0, [row], tRNS=words(clear))
    (tmp_path / 'x.png').write_bytes(data)
    np.testing.assert_array_equal(read_image(tmp_path / 'x.png')[0, :, 1], expected)


@pytest.mark.parametrize(
    ('depth', 'kind', 'row', 'chunks'),
    [
        (16, 2, words(65535, 0, 0, 1000, 2000, 3000), {'tRNS': words(1000, 2000, 3000)}),
        (16, 2, words(65535, 0, 0, 1001, 2000, 3000), {'tRNS': words(1000, 2000, 3000)}),
        (8, 2, bytes([1, 2, 3, 4, 5, 6]), {'tRNS': words(4, 5, 6)}),
        (16, 4, words(30000, 65535, 60000, 51 * 257), {}),
        (16, 6, words(65535, 0, 0, 51 * 257, 1, 2, 3, 65535), {}),
        (8, 3, bytes([0, 1]), {'PLTE': bytes([9, 8, 7, 250, 90, 0]), 'tRNS': bytes([255, 128])}),
        (2, 3, bytes([0b01000000]), {'PLTE': bytes(range(99, 111)), 'tRNS': bytes([0, 128])}),
    ],
)
def test_transparency_of_a_png_as_another_decoder_has_it(
    tmp_path, png_bytes, depth, kind, row, chunks
):
    data = png_bytes(2, 1, depth, kind, [row], **chunks)
    (tmp_path / 'x.png').write_bytes(data)
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded.shape[2] == 4
    np.testing.assert_allclose(read_image(tmp_path / 'x.png'), on_white(decoded), atol=1.01)


@pytest.mark.parametrize('compression', [None, 'zlib'])
@pytest.mark.parametrize(
    ('dtype', 'scale'), [(np.uint8, 1), (np.uint16, 257), (np.float32, 1 / 255)]
)
def test_a_tiff_in_which_zero_is_white(tmp_path, compression, dtype, scale):
    values = (np.array([[0, 60, 255]]) * scale).astype(dtype)
    options = {'photometric': 'miniswhite', 'compression': compression}
    tifffile.imwrite(tmp_path / 'x.tif', values, **options)
    np.testing.assert_array_equal(read_image(tmp_path / 'x.tif')[0, :, 0], [255, 195, 0])


def test_a_tiff_of_12_bits(tmp_path):
    tags = {256: 2, 257: 1, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1, 279: 3}
    entries = b''.join(struct.pack('<HHII', tag, 4, 1, value) for tag, value in tags.items())
    pixels = bytes([0x80, 0x0F, 0xFF])  # 0x800 and 0xfff
    head = struct.pack('<2sHI', b'II', 42, 12) + pixels + b'\0'
    (tmp_path / 'x.tif').write_bytes(head + struct.pack('<H', len(tags)) + entries + bytes(4))
    np.testing.assert_array_equal(read_image(tmp_path / 'x.tif')[0, :, 0], [128, 255])


def test_a_tiff_in_lab(tmp_path):
    lab = np.array([[[54.29, 80.8, 69.9], [53.59, 0, 0]]])  # sRGB's red under D50, and a grey
    coded = np.rint(lab * (2.55, 1, 1)).astype(int).astype(np.uint8)  # a and b are signed
    tifffile.imwrite(tmp_path / 'x.tif', coded, photometric='cielab')
    difference = read_image(tmp_path / 'x.tif')[0].astype(int) - [RED, (128, 128, 128)]
    assert np.abs(difference).max() <= 5  # 8 bits of Lab


@pytest.mark.parametrize('mode', ['CMYK', 'RGB', 'L', '1', 'P', 'RGBA', 'LA'])
def test_pieces_join_without_a_seam(tmp_path, mode):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 2500, 3), np.uint8)
    image = Image.fromarray(pixels).convert(mode)
    image.save(tmp_path / 'x.tif')
    expected = np.asarray(image.convert('RGB'))
    np.testing.assert_array_equal(read_image(tmp_path / 'x.tif'), expected)


def test_a_large_picture_is_reduced_and_stays_the_same_picture(tmp_path):
    small = np.random.default_rng(0).integers(0, 65536, (8, 8), np.uint16)
    large = small.repeat(750, 0).repeat(750, 1)  # 36 megapixels
    Image.fromarray(large).save(tmp_path / 'x.png', compress_level=1)
    expected = Image.fromarray(np.rint(small / 257).astype(np.uint8)).resize((64, 64), 0)
    difference = read_image(tmp_path / 'x.png', 64)[..., 0].astype(int) - np.asarray(expected)
    assert np.abs(difference[4::8, 4::8]).max() <= 1  # the middles of the squares
    assert np.abs(difference[::2, ::2]).mean() < 20  # blocks meet between pixels


def test_a_large_jpeg_keeps_its_orientation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new('RGB', (7000, 5000), BLUE)
    image.paste(RED, (0, 0, 7000, 2500))
    image.save(tmp_path / 'x.jpg', exif=exif)
    result = read_image(tmp_path / 'x.jpg', 32).astype(int)
    assert np.abs(result[:, :14] - BLUE).max() < 5 and np.abs(result[:, 18:] - RED).max() < 5
