# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from mmgen_bdinvert.io import ImageReadError, read_image

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def png_bytes(width, height, depth, colour_type, rows):
    """Write a PNG by its specification: Pillow cannot write 16-bit colour."""

    def chunk(kind, data):
        check = zlib.crc32(kind + data)
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', check)

    header = struct.pack('>IIBBBBB', width, height, depth, colour_type, 0, 0, 0)
    data = b''.join(b'\0' + row for row in rows)
    return (
        b'\x89PNG\r\n\x1a\n'
        + chunk(b'IHDR', header)
        + chunk(b'IDAT', zlib.compress(data))
        + chunk(b'IEND', b'')
    )


class TestReadImage:
    def test_keeps_rgb_pixels_exactly(self, tmp_path):
        pixels = noise(5, 7)
        Image.fromarray(pixels).save(tmp_path / 'x.png')
        result = read_image(tmp_path / 'x.png')
        assert result.dtype == np.uint8
        np.testing.assert_array_equal(result, pixels)
        result[0, 0] = 0  # writable, so that torch.from_numpy takes it without a warning

    @pytest.mark.parametrize('size', [None, 4])
    def test_red_stays_red(self, tmp_path, size):
        Image.new('RGB', (6, 6), RED).save(tmp_path / 'x.bmp')
        assert (read_image(tmp_path / 'x.bmp', size) == RED).all()

    @pytest.mark.parametrize(
        'orientation, undo',
        [
            (1, lambda a: a),
            (2, lambda a: a[:, ::-1]),
            (3, lambda a: a[::-1, ::-1]),
            (4, lambda a: a[::-1]),
            (5, lambda a: a.transpose(1, 0, 2)),
            (6, lambda a: np.rot90(a, -1)),
            (7, lambda a: np.rot90(a, 2).transpose(1, 0, 2)),
            (8, lambda a: np.rot90(a, 1)),
        ],
    )
    @pytest.mark.parametrize('suffix', ['.png', '.tif', '.webp'])
    def test_exif_orientation_is_honoured(self, tmp_path, orientation, undo, suffix):
        pixels = noise(4, 6)
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = tmp_path / f'x{suffix}'
        options = {'lossless': True} if suffix == '.webp' else {}
        Image.fromarray(pixels).save(path, exif=exif, **options)
        np.testing.assert_array_equal(read_image(path), undo(pixels))

    def test_damaged_exif_does_not_hide_the_picture(self, tmp_path):
        exif = b'Exif\0\0this is no TIFF header'
        Image.new('RGB', (8, 8), BLUE).save(tmp_path / 'x.png', exif=exif)
        assert (read_image(tmp_path / 'x.png') == BLUE).all()

    def test_greyscale_becomes_three_equal_channels(self, tmp_path):
        grey = noise(3, 5)[..., 0]
        Image.fromarray(grey).save(tmp_path / 'x.png')
        np.testing.assert_array_equal(read_image(tmp_path / 'x.png'), np.stack([grey] * 3, -1))

    def test_bilevel(self, tmp_path):
        Image.fromarray(np.array([[True, False]])).save(tmp_path / 'x.png')
        np.testing.assert_array_equal(read_image(tmp_path / 'x.png')[0], [WHITE, (0, 0, 0)])

    @pytest.mark.parametrize('alpha, expected', [(255, RED), (0, WHITE), (51, (255, 204, 204))])
    def test_rgba_is_composited_on_white(self, tmp_path, alpha, expected):
        Image.new('RGBA', (4, 4), (*RED, alpha)).save(tmp_path / 'x.png')
        assert (read_image(tmp_path / 'x.png', 2) == expected).all()

    def test_grey_with_alpha_is_composited_on_white(self, tmp_path):
        Image.new('LA', (4, 4), (0, 51)).save(tmp_path / 'x.png')
        assert (read_image(tmp_path / 'x.png') == 204).all()

    @pytest.mark.parametrize('suffix', ['.png', '.gif'])
    def test_palette_with_transparency(self, tmp_path, suffix):
        image = Image.new('P', (3, 1))
        image.putpalette([*RED, *GREEN, *BLUE])
        image.putdata([0, 1, 2])
        image.save(tmp_path / f'x{suffix}', transparency=1)
        np.testing.assert_array_equal(read_image(tmp_path / f'x{suffix}')[0], [RED, WHITE, BLUE])

    def test_transparent_colour_of_an_rgb_png(self, tmp_path):
        image = Image.new('RGB', (2, 1), RED)
        image.putpixel((1, 0), BLUE)
        image.save(tmp_path / 'x.png', transparency=BLUE)
        np.testing.assert_array_equal(read_image(tmp_path / 'x.png')[0], [RED, WHITE])

    @pytest.mark.parametrize('suffix', ['.png', '.tif'])
    def test_16_bit_grey_is_scaled_not_clipped(self, tmp_path, suffix):
        values = np.array([[0, 257, 30000, 65535]], dtype=np.uint16)
        Image.fromarray(values).save(tmp_path / f'x{suffix}')
        result = read_image(tmp_path / f'x{suffix}')
        np.testing.assert_array_equal(result[0, :, 1], [0, 1, round(30000 / 257), 255])

    def test_16_bit_grey_keeps_its_orientation(self, tmp_path):
        exif = Image.Exif()
        exif[0x0112] = 6
        values = np.array([[0, 257 * 9]], dtype=np.uint16)
        Image.fromarray(values).save(tmp_path / 'x.png', exif=exif)
        np.testing.assert_array_equal(read_image(tmp_path / 'x.png')[..., 0], [[0], [9]])

    def test_16_bit_rgb_is_scaled_not_clipped(self, tmp_path):
        values = [0, 257 * 100, 65535, 30000, 257 * 7, 257 * 200]
        row = struct.pack('>6H', *values)
        (tmp_path / 'x.png').write_bytes(png_bytes(2, 1, 16, 2, [row]))
        result = read_image(tmp_path / 'x.png').reshape(-1).astype(int)
        # Decoders may round or drop the low byte: one level.
        np.testing.assert_allclose(result, np.array(values) / 257, atol=1)

    def test_16_bit_rgba(self, tmp_path):
        row = struct.pack('>4H', 65535, 0, 0, 257 * 51)
        (tmp_path / 'x.png').write_bytes(png_bytes(1, 1, 16, 6, [row]))
        np.testing.assert_array_equal(read_image(tmp_path / 'x.png')[0, 0], (255, 204, 204))

    def test_floating_point_grey(self, tmp_path):
        Image.fromarray(np.array([[0, 0.2, 1]], np.float32)).save(tmp_path / 'x.tif')
        np.testing.assert_array_equal(read_image(tmp_path / 'x.tif')[0, :, 0], [0, 51, 255])
        Image.fromarray(np.array([[0, 128]], np.float32)).save(tmp_path / 'y.tif')
        with pytest.raises(ImageReadError, match=r'values must lie in \[0, 1\], not \[0, 128\]'):
            read_image(tmp_path / 'y.tif')

    def test_cmyk(self, tmp_path):
        Image.new('CMYK', (8, 8), (0, 255, 255, 0)).save(tmp_path / 'x.jpg', quality=100)
        assert np.abs(read_image(tmp_path / 'x.jpg').astype(int) - RED).max() <= 2  # JPEG

    @pytest.mark.parametrize('suffix', ['.gif', '.png', '.webp'])
    def test_first_frame_of_an_animation(self, tmp_path, suffix):
        frames = [Image.new('RGB', (8, 8), colour) for colour in (RED, BLUE)]
        options = {'lossless': True} if suffix == '.webp' else {}
        path = tmp_path / f'x{suffix}'
        frames[0].save(path, save_all=True, append_images=frames[1:], **options)
        assert (read_image(path) == RED).all()


class TestFit:
    """A 60x20 picture of three squares, red, green and blue, and the same upright."""

    @pytest.fixture(params=['wide', 'tall'])
    def stripes(self, request, tmp_path):
        pixels = np.repeat(np.array([[RED, GREEN, BLUE]], np.uint8), 20, axis=1).repeat(20, axis=0)
        turn = request.param == 'tall'
        Image.fromarray(pixels.transpose(1, 0, 2) if turn else pixels).save(tmp_path / 'x.png')

        def read(**kwargs):
            result = read_image(tmp_path / 'x.png', **kwargs)
            return result.transpose(1, 0, 2) if turn else result

        return read

    def test_none_keeps_the_size(self, stripes):
        assert stripes(fit='crop').shape == (20, 60, 3)

    def test_crop_keeps_the_centre_exactly(self, stripes):
        result = stripes(size=20, fit='crop')
        assert result.shape == (20, 20, 3)
        assert (result == GREEN).all()

    def test_crop_is_the_default(self, stripes):
        np.testing.assert_array_equal(stripes(size=20), stripes(size=20, fit='crop'))

    def test_pad_keeps_everything(self, stripes):
        result = stripes(size=60, fit='pad')
        assert result.shape == (60, 60, 3)
        for column, colour in ((10, RED), (30, GREEN), (50, BLUE)):
            assert (result[20:40, column] == colour).all()
        assert (result[:20] == 85).all() and (result[40:] == 85).all()  # the mean of the edges

    def test_pad_takes_the_mean_of_the_edges_at_the_bars(self, stripes):
        assert (stripes(size=60, fit='pad')[[0, 19, 40, 59]] == 85).all()  # (255+0+0)/3

    def test_pad_edge_is_not_the_mean_of_the_picture(self, tmp_path):
        pixels = np.full((6, 8, 3), 200, np.uint8)
        pixels[0], pixels[-1] = 10, 30
        Image.fromarray(pixels).save(tmp_path / 'x.png')
        assert (read_image(tmp_path / 'x.png', 8, fit='pad')[[0, 7]] == 20).all()

    def test_squash_keeps_everything_in_a_square(self, stripes):
        result = stripes(size=30, fit='squash')
        assert result.shape == (30, 30, 3)
        for column, colour in ((3, RED), (14, GREEN), (26, BLUE)):
            assert (result[:, column] == colour).all()

    @pytest.mark.parametrize('fit', ['crop', 'pad', 'squash'])
    def test_square_pictures_do_not_depend_on_the_fit(self, tmp_path, fit):
        pixels = noise(16, 16)
        Image.fromarray(pixels).save(tmp_path / 'x.png')
        np.testing.assert_array_equal(read_image(tmp_path / 'x.png', 16, fit=fit), pixels)
        lanczos = Image.fromarray(pixels).resize((8, 8), Image.Resampling.LANCZOS)
        np.testing.assert_array_equal(read_image(tmp_path / 'x.png', 8, fit=fit), lanczos)

    @pytest.mark.parametrize('fit', ['crop', 'pad', 'squash'])
    def test_extreme_shapes(self, tmp_path, fit):
        Image.new('RGB', (1, 3000), RED).save(tmp_path / 'x.png')
        assert read_image(tmp_path / 'x.png', 64, fit=fit).shape == (64, 64, 3)

    @pytest.mark.parametrize(
        'kwargs, message',
        [
            ({'fit': 'stretch'}, "fit must be one of crop, pad, squash, but got 'stretch'"),
            ({'size': 0}, 'size must be a positive whole number of pixels, but got 0'),
            ({'size': 6.5}, 'size must be .* but got 6.5'),
            ({'size': '64'}, "size must be .* but got '64'"),
        ],
    )
    def test_wrong_options_are_refused_before_the_file(self, kwargs, message):
        with pytest.raises(ValueError, match=message):
            read_image('does_not_exist.png', **kwargs)
