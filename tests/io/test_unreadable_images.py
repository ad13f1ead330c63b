# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import os
import struct

import numpy as np
import pytest
from PIL import Image

from mmgen_bdinvert.io import ImageReadError, read_image


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def cut_in_half(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


class TestUnreadable:
    def refused(self, path, message):
        with pytest.raises(ImageReadError, match=message) as info:
            read_image(path, 8)
        text = str(info.value)
        assert isinstance(info.value, ValueError)
        assert repr(str(path)) in text and '\n' not in text and ';' in text

    def test_missing(self, tmp_path):
        self.refused(tmp_path / 'x.png', 'does not exist; check the path')

    def test_empty(self, tmp_path):
        (tmp_path / 'x.png').touch()
        self.refused(tmp_path / 'x.png', 'is empty; copy it again')

    def test_folder(self, tmp_path):
        self.refused(tmp_path, 'is a folder; name a file')

    @pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='needs named pipes')
    def test_pipe_does_not_hang(self, tmp_path):
        os.mkfifo(tmp_path / 'x.png')
        self.refused(tmp_path / 'x.png', 'is not a regular file')

    def test_text(self, tmp_path):
        (tmp_path / 'x.png').write_text('this is not a picture')
        self.refused(tmp_path / 'x.png', 'not an image in a known format; convert it')

    def test_newline_in_the_name(self, tmp_path):
        (tmp_path / 'x\ny.png').write_text('this is not a picture')
        self.refused(tmp_path / 'x\ny.png', 'not an image')

    @pytest.mark.parametrize('suffix', ['.png', '.jpg', '.webp', '.gif', '.bmp', '.tif'])
    def test_truncated(self, tmp_path, suffix):
        path = tmp_path / f'x{suffix}'
        Image.fromarray(noise(64, 64)).save(path)
        read_image(path)
        cut_in_half(path)
        self.refused(path, 'damaged or unsupported')

    def test_damaged_data(self, tmp_path):
        path = tmp_path / 'x.png'
        Image.fromarray(noise(64, 64)).save(path)
        data = bytearray(path.read_bytes())
        data[100:2000] = bytes(1900)
        path.write_bytes(data)
        self.refused(path, 'damaged or unsupported')

    def test_decompression_bomb(self, tmp_path):
        # The header of a bitmap that claims 60,000 x 60,000 pixels: nothing like it is allocated.
        path = tmp_path / 'x.bmp'
        info = struct.pack('<IiiHHIIiiII', 40, 60000, 60000, 1, 24, 0, 0, 0, 0, 0, 0)
        path.write_bytes(b'BM' + struct.pack('<IHHI', 54, 0, 0, 54) + info)
        self.refused(path, 'too large to be decoded safely')

    def test_formats_that_start_programs_are_not_tried(self, tmp_path):
        Image.fromarray(noise(8, 8)).save(tmp_path / 'x.png', format='EPS')
        self.refused(tmp_path / 'x.png', 'not an image in a known format')


@pytest.mark.skipif(
    not hasattr(os, 'geteuid') or os.geteuid() == 0, reason='root may read everything'
)
class TestNoPermission:
    def test_file(self, tmp_path):
        Image.new('RGB', (8, 8)).save(tmp_path / 'x.png')
        (tmp_path / 'x.png').chmod(0)
        with pytest.raises(ImageReadError, match='x.png.* may not be read'):
            read_image(tmp_path / 'x.png')
