# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Image files that are damaged, odd, or no images."""

from __future__ import annotations

import io
import pickle
import zipfile
import zlib
from functools import lru_cache

import numpy as np
from hostile import DONE, FAILED, Case
from ingredients import PNG, Runs, encoded, npy, picture, png_chunk, raw_png, write
from PIL import Image, PngImagePlugin

FLOATS = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)


def bad_images() -> dict[str, bytes]:
    jpeg = encoded(picture(), 'JPEG')
    rng = np.random.default_rng(1)
    flipped = bytearray(PNG)
    flipped[len(PNG) // 2] ^= 255
    bomb = zlib.compress(bytes(10_000_000), 9)
    long_text = b'a\0\0' + zlib.compress(bytes(200_000_000), 9)
    return {
        'truncated.png': PNG[: len(PNG) // 2],
        'truncated.jpg': jpeg[: len(jpeg) // 2],
        'truncated.gif': encoded(picture(), 'GIF')[:300],
        'truncated.webp': encoded(picture(), 'WEBP')[:100],
        'zero_byte.png': b'',
        'text.png': b'no picture at all\n',
        'random.jpg': rng.bytes(5000),
        'header_only.png': PNG[:33],
        'wrong_checksum.png': bytes(flipped),
        'broken_scan.jpg': jpeg[: len(jpeg) // 3] + rng.bytes(200),
        'no_pixels.png': raw_png(0, 0, png_chunk(b'IDAT', zlib.compress(b''))),
        'bomb.png': raw_png(60_000, 60_000, png_chunk(b'IDAT', bomb)),
        'bomb.ppm': b'P6 100000 100000 255\n' + bytes(100),
        'text_bomb.png': raw_png(8, 8, png_chunk(b'zTXt', long_text)),
        'svg.png': b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
        'script.eps.png': b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%true) (w) file',
        'page.html.png': b'<html><img src="x"></html>',
        'pickle.png': pickle.dumps(Runs()),
        'video.png': b'\0\0\0\x18ftypmp42\0\0\0\0mp42isom' + rng.bytes(500),
        'array.png': npy(np.full((64, 64, 3), np.nan, np.float32)),
        'zip.png': zipped(),
        'nan.tif': encoded(Image.fromarray(np.where(FLOATS > 0.5, np.nan, FLOATS)), 'TIFF'),
        'infinite.tif': encoded(Image.fromarray(np.where(FLOATS > 0.5, np.inf, FLOATS)), 'TIFF'),
        'negative.tif': encoded(Image.fromarray(FLOATS - 0.5), 'TIFF'),
        'loop_of_pages.tif': b'II*\0\x08\0\0\0' + b'\0\0' + b'\x08\0\0\0',
    }


def good_images() -> dict[str, bytes]:
    rng = np.random.default_rng(1)
    grey16 = Image.fromarray((np.arange(64 * 64).reshape(64, 64) * 16).astype(np.uint16))
    grey = picture(mode='L')
    return {
        'jpeg_inside.png': encoded(picture(), 'JPEG'),
        'png_inside.jpg': PNG,
        'cmyk.jpg': encoded(picture(mode='CMYK'), 'JPEG'),
        'grey.png': encoded(grey),
        'grey_alpha.png': encoded(picture(mode='LA')),
        'rgba.png': encoded(picture(mode='RGBA')),
        'bilevel.png': encoded(picture(mode='1')),
        'palette.png': encoded(picture(mode='P'), transparency=0),
        'sixteen_bit.png': encoded(grey16),
        'sixteen_bit.tif': encoded(grey16, 'TIFF'),
        'float.tif': encoded(Image.fromarray(FLOATS), 'TIFF'),
        'animated.gif': encoded(picture(), 'GIF', save_all=True, append_images=[grey] * 3),
        'animated.webp': encoded(
            picture(), 'WEBP', save_all=True, append_images=[grey.convert('RGB')]
        ),
        'animated.apng': encoded(picture(), save_all=True, append_images=[picture().rotate(90)]),
        'pages.tif': encoded(picture(), 'TIFF', save_all=True, append_images=[picture(8, 8)]),
        'exif_rotated.jpg': encoded(picture(64, 32), 'JPEG', exif=exif(6)),
        'exif_of_no_sense.jpg': encoded(picture(), 'JPEG', exif=exif(77)),
        'huge_exif.jpg': encoded(picture(), 'JPEG', exif=b'Exif\0\0' + rng.bytes(60_000)),
        'icc_of_no_sense.png': encoded(picture(), icc_profile=rng.bytes(100_000)),
        'much_text.png': encoded(picture(), pnginfo=much_text()),
        'appended.png': PNG + rng.bytes(1_000_000),
        'one_pixel.png': encoded(picture(1, 1)),
        'one_by_20000.png': encoded(picture(1, 20_000)),
        '20000_by_one.png': encoded(picture(20_000, 1)),
        '8k.png': encoded(Image.new('RGB', (7680, 4320), (9, 99, 199))),
        'jpeg2000.jp2': encoded(picture(), 'JPEG2000'),
    }


def exif(orientation: int) -> Image.Exif:
    made = Image.Exif()
    made[0x0112] = orientation
    return made


def much_text() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    for i in range(500):
        info.add_text(f'key {i}', 'text ' * 100)
    return info


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('x', bytes(1_000_000))
    return buffer.getvalue()


@lru_cache
def images() -> dict[str, dict[str, bytes]]:
    return {FAILED: bad_images(), DONE: good_images()}


CASES = [
    Case(
        'one job of all kinds',
        ('invert', 'bdinvert_inv_toon64', 'images', '--out-dir', 'out', '--steps', '1'),
        lambda: [
            write({f'images/{name}': content for name, content in files.items()})
            for files in images().values()
        ],
        code=1,
        outcomes={
            f'images/{name}': outcome for outcome, files in images().items() for name in files
        },
        sample=True,
    ),
]
