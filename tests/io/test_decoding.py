# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Formats, frames and sizes of image files."""

import importlib.util
import logging
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from mmgen_bdinvert.io import ImageReadError, read_image
from mmgen_bdinvert.io.decoding import _decoders

HAS_HEIF = importlib.util.find_spec('pillow_heif') is not None


@pytest.fixture()
def notes(caplog):
    with caplog.at_level(logging.WARNING, logger='mmgen_bdinvert'):
        yield caplog


class TestFrames:
    @pytest.mark.parametrize('suffix', ['.gif', '.png', '.webp', '.tif', '.avif'])
    def test_that_the_first_is_taken_is_said(self, tmp_path, notes, suffix):
        frames = [Image.new('RGB', (8, 8), colour) for colour in ('red', 'blue')]
        frames[0].save(tmp_path / f'x{suffix}', save_all=True, append_images=frames[1:])
        for _ in range(2):
            assert read_image(tmp_path / f'x{suffix}')[0, 0, 0] > 250
        (note,) = notes.messages
        assert f'x{suffix}' in note and 'has several frames or pages: the first is taken' in note

    @pytest.mark.parametrize('suffix', ['.gif', '.png', '.webp', '.tif', '.jpg', '.avif'])
    def test_of_one_picture_nothing_is_said(self, tmp_path, notes, suffix):
        Image.new('RGB', (8, 8)).save(tmp_path / f'x{suffix}')
        read_image(tmp_path / f'x{suffix}')
        assert notes.messages == []

    def test_the_preview_in_a_photo_is_no_frame(self, tmp_path, notes):
        preview = Image.new('RGB', (4, 4))
        Image.new('RGB', (8, 8)).save(
            tmp_path / 'x.jpg', 'MPO', save_all=True, append_images=[preview]
        )
        assert read_image(tmp_path / 'x.jpg').shape == (8, 8, 3)
        assert notes.messages == []


class TestHeif:
    HEAD = struct.pack('>I4s4sI4s4s', 24, b'ftyp', b'heic', 0, b'mif1', b'heic')

    def test_without_the_package_it_is_named(self, tmp_path, monkeypatch):
        (tmp_path / 'x.heic').write_bytes(self.HEAD + bytes(100))
        _decoders()  # registers it, once
        monkeypatch.delitem(Image.OPEN, 'HEIF', raising=False)
        with pytest.raises(ImageReadError, match='HEIF, which .* pip install pillow-heif, or'):
            read_image(tmp_path / 'x.heic')

    def test_avif_where_pillow_has_none(self, tmp_path, monkeypatch):
        Image.new('RGB', (8, 8)).save(tmp_path / 'x.avif')
        monkeypatch.delitem(Image.OPEN, 'AVIF')
        with pytest.raises(ImageReadError, match=r"AVIF, which .* pip install 'pillow>=11.3', or"):
            read_image(tmp_path / 'x.avif')

    @pytest.mark.skipif(not HAS_HEIF, reason='needs pillow-heif')
    def test_with_it(self, tmp_path):
        _decoders()
        pixels = np.zeros((64, 96, 3), np.uint8) + np.uint8([200, 90, 30])
        pixels[:, 48:] = 40
        Image.fromarray(pixels).save(tmp_path / 'x.heic', quality=90)
        result = read_image(tmp_path / 'x.heic').astype(int)
        assert np.abs(result - pixels).max() <= 12
        assert read_image(tmp_path / 'x.heic', 32).shape == (32, 32, 3)

    @pytest.mark.skipif(not HAS_HEIF, reason='needs pillow-heif')
    def test_a_damaged_one(self, tmp_path):
        (tmp_path / 'x.heic').write_bytes(self.HEAD + bytes(100))
        with pytest.raises(ImageReadError, match='not an image in a known format|is damaged'):
            read_image(tmp_path / 'x.heic')


class TestSize:
    def refused(self, path, message='is too large to be decoded safely; make it smaller'):
        with pytest.raises(ImageReadError, match=message):
            read_image(path, 8)

    @pytest.mark.parametrize('size', [(2**18 + 1, 1), (1, 2**18 + 1), (13_400, 13_400)])
    def test_of_a_png(self, tmp_path, png_bytes, size):
        (tmp_path / 'x.png').write_bytes(png_bytes(*size, 1, 0, []))
        self.refused(tmp_path / 'x.png')

    def test_of_decoders_that_need_more_memory_than_the_picture(self, tmp_path):
        Image.new('RGB', (8, 8)).save(tmp_path / 'x.jp2')
        data = (tmp_path / 'x.jp2').read_bytes()
        place = data.index(b'ihdr') + 4
        (tmp_path / 'x.jp2').write_bytes(
            data[:place] + struct.pack('>II', 8000, 8000) + data[place + 8 :]
        )
        self.refused(tmp_path / 'x.jp2')

    def test_of_a_file_with_a_hole(self, tmp_path):
        with open(tmp_path / 'x.webp', 'wb') as file:
            file.write(b'RIFF\xff\xff\xff\x7fWEBPVP8 ')
            file.truncate(2**40)
        self.refused(
            tmp_path / 'x.webp', 'at most 1073741824 bytes are read, but it has 1099511627776'
        )


def test_text_that_unpacks_to_much_is_still_refused(tmp_path, png_bytes):
    text = b'a\0\0' + zlib.compress(bytes(5_000_000))
    (tmp_path / 'x.png').write_bytes(png_bytes(1, 1, 8, 2, [bytes(3)], zTXt=text))
    with pytest.raises(ImageReadError, match='too large'):
        read_image(tmp_path / 'x.png')
