# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Make a corpus of hostile and odd inputs, with what must become of each.

OUT_DIR gets images, lists and archives, configs with their weights, codes and directions, and
expected.json: for each input 'done' or 'failed' (of images and of what a list or an archive names),
'accepted' or 'refused'. Nothing in it may run code: a file OUT_DIR/canary would show that.
"""

from __future__ import annotations

if __name__ == '__main__':  # Ctrl-C while the rest is imported
    from bdinvert_cli.running import leave_at_once

    leave_at_once()

import contextlib
import io
import json
import os
import pickle
import socket
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image, PngImagePlugin
from safetensors.torch import load_file, save_file

from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import run_tool
from mmgen_bdinvert.io import ensure_writable_folder, local_path
from mmgen_bdinvert.structures import LatentCode

DONE, FAILED, ACCEPTED, REFUSED = 'done', 'failed', 'accepted', 'refused'
ASSETS = 'asset://toon64'


class Runs:
    """Makes the file ``canary`` when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):
        return (os.mkdir, (str(self.canary),))


class Corpus:
    """Files and what is expected of them.

    Args:
        folder (Path): Where they go.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.expected: dict[str, dict[str, str]] = {}

    def add(self, kind: str, name: str, outcome: str, content: bytes | None = None) -> Path:
        """Note an input, and write it if its content is given; return its path."""
        path = self.folder / kind / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.expected.setdefault(kind, {})[os.fsdecode(name)] = outcome
        if content is not None:
            path.write_bytes(content)
        return path


def picture(width: int = 64, height: int = 64, mode: str = 'RGB') -> Image.Image:
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def encoded(image: Image.Image, kind: str = 'PNG', **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def raw_png(width: int, height: int, *chunks: bytes) -> bytes:
    header = png_chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0))
    return b'\x89PNG\r\n\x1a\n' + header + b''.join(chunks) + png_chunk(b'IEND', b'')


def add_images(corpus: Corpus) -> None:
    """Files that are damaged, odd, or no images."""
    png, jpeg = encoded(picture()), encoded(picture(), 'JPEG')
    rng = np.random.default_rng(1)
    flipped = bytearray(png)
    flipped[len(png) // 2] ^= 255
    broken_jpeg = bytearray(jpeg[: len(jpeg) // 3] + rng.bytes(200))
    bomb = zlib.compress(bytes(10_000_000), 9)
    grey16 = Image.fromarray((np.arange(64 * 64).reshape(64, 64) * 16).astype(np.uint16))
    floats = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    bad = {
        'truncated.png': png[: len(png) // 2],
        'truncated.jpg': jpeg[: len(jpeg) // 2],
        'truncated.gif': encoded(picture(), 'GIF')[:300],
        'truncated.webp': encoded(picture(), 'WEBP')[:100],
        'zero_byte.png': b'',
        'text.png': b'no picture at all\n',
        'random.jpg': rng.bytes(5000),
        'header_only.png': png[:33],
        'wrong_checksum.png': bytes(flipped),
        'broken_scan.jpg': bytes(broken_jpeg),
        'no_pixels.png': raw_png(0, 0, png_chunk(b'IDAT', zlib.compress(b''))),
        'bomb.png': raw_png(60_000, 60_000, png_chunk(b'IDAT', bomb)),
        'bomb.ppm': b'P6 100000 100000 255\n' + bytes(100),
        'text_bomb.png': raw_png(
            8, 8, png_chunk(b'zTXt', b'a\0\0' + zlib.compress(bytes(200_000_000), 9))
        ),
        'svg.png': b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
        'script.eps.png': b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%true) (w) file',
        'page.html.png': b'<html><img src="x"></html>',
        'pickle.png': pickle.dumps(Runs(corpus.folder / 'canary')),
        'video.png': b'\0\0\0\x18ftypmp42\0\0\0\0mp42isom' + rng.bytes(500),
        'array.png': _npy(np.full((64, 64, 3), np.nan, np.float32)),
        'zip.png': _zip(),
        'nan.tif': encoded(Image.fromarray(np.where(floats > 0.5, np.nan, floats)), 'TIFF'),
        'infinite.tif': encoded(Image.fromarray(np.where(floats > 0.5, np.inf, floats)), 'TIFF'),
        'negative.tif': encoded(Image.fromarray(floats - 0.5), 'TIFF'),
        'loop_of_pages.tif': b'II*\0\x08\0\0\0' + b'\0\0' + b'\x08\0\0\0',
    }
    good = {
        'jpeg_inside.png': jpeg,
        'png_inside.jpg': png,
        'cmyk.jpg': encoded(picture(mode='CMYK'), 'JPEG'),
        'grey.png': encoded(picture(mode='L')),
        'grey_alpha.png': encoded(picture(mode='LA')),
        'rgba.png': encoded(picture(mode='RGBA')),
        'bilevel.png': encoded(picture(mode='1')),
        'palette.png': encoded(picture(mode='P'), transparency=0),
        'sixteen_bit.png': encoded(grey16),
        'sixteen_bit.tif': encoded(grey16, 'TIFF'),
        'float.tif': encoded(Image.fromarray(floats), 'TIFF'),
        'animated.gif': encoded(
            picture(), 'GIF', save_all=True, append_images=[picture(mode='L')] * 3
        ),
        'animated.webp': encoded(
            picture(), 'WEBP', save_all=True, append_images=[picture(mode='L').convert('RGB')]
        ),
        'animated.apng': encoded(picture(), save_all=True, append_images=[picture().rotate(90)]),
        'pages.tif': encoded(picture(), 'TIFF', save_all=True, append_images=[picture(8, 8)]),
        'exif_rotated.jpg': encoded(picture(64, 32), 'JPEG', exif=_exif(6)),
        'exif_of_no_sense.jpg': encoded(picture(), 'JPEG', exif=_exif(77)),
        'huge_exif.jpg': encoded(picture(), 'JPEG', exif=b'Exif\0\0' + rng.bytes(60_000)),
        'icc_of_no_sense.png': encoded(picture(), icc_profile=rng.bytes(100_000)),
        'much_text.png': encoded(picture(), pnginfo=_text()),
        'appended.png': png + rng.bytes(1_000_000),
        'one_pixel.png': encoded(picture(1, 1)),
        'one_by_20000.png': encoded(picture(1, 20_000)),
        '20000_by_one.png': encoded(picture(20_000, 1)),
        '8k.png': encoded(Image.new('RGB', (7680, 4320), (9, 99, 199))),
        'jpeg2000.jp2': encoded(picture(), 'JPEG2000'),
    }
    for outcome, contents in ((FAILED, bad), (DONE, good)):
        for name, content in contents.items():
            corpus.add('images', name, outcome, content)
    for name in (
        '-rf.png',
        'new\nline.png',
        'tab\there.png',
        '$(mkdir canary).png',
        'quote\'".png',
        '{braces}%s%n.png',
        '[markup].png',
        '\u5199\u771f \U0001f600.png',
        'e\u0301.png',
        'con.png',
        'settings.json.png',
        'manifest.png',
        'x' * 240 + '.png',
        b'\xff\xfe not text.png',
    ):
        corpus.add('images/names', os.fsdecode(name), DONE, png)
    _add_special(corpus, png)


def _add_special(corpus: Corpus, png: bytes) -> None:
    """What is in a folder besides ordinary files."""
    folder = corpus.folder / 'images' / 'special'
    corpus.add('images/special', 'dir.png/inside.png', DONE, png)
    corpus.add('images/special', 'plain.png', DONE, png)
    (folder / '.hidden.png').write_bytes(png)
    os.symlink('plain.png', corpus.add('images/special', 'link.png', DONE))
    os.symlink('nowhere.png', corpus.add('images/special', 'dangling.png', FAILED))
    os.symlink('self.png', corpus.add('images/special', 'self.png', FAILED))
    os.symlink('/dev/zero', corpus.add('images/special', 'device.png', FAILED))
    os.symlink('.', folder / 'loop')
    os.symlink('..', folder / 'up')
    os.mkfifo(corpus.add('images/special', 'pipe.png', FAILED))
    path = corpus.add('images/special', 'socket.png', FAILED)
    here = os.getcwd()
    os.chdir(folder)  # the name of a socket is short
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as one:
        one.bind(path.name)
    os.chdir(here)
    if os.geteuid():  # root may read anything
        corpus.add('images/special', 'forbidden.png', FAILED, png).chmod(0)


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def _text() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    for i in range(500):
        info.add_text(f'key {i}', 'text ' * 100)
    return info


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('x', bytes(1_000_000))
    return buffer.getvalue()


def add_lists(corpus: Corpus) -> None:
    """Lists and archives; of those that are accepted, every image has an outcome."""
    png = encoded(picture())
    corpus.add('lists', 'good.png', DONE, png)
    lines = {
        '../../../../etc/passwd': FAILED,
        '/dev/zero': FAILED,
        '/etc': FAILED,
        'http://localhost/x.png': FAILED,
        '~/x.png': FAILED,
        '-rf': FAILED,
        'good.png': DONE,
    }
    corpus.add('lists', 'paths.txt', ACCEPTED, '\n'.join(lines).encode())
    corpus.expected['in lists/paths.txt'] = lines
    refused = {
        'empty.txt': b'',
        'nul.txt': b'a\0b.png\n',
        'binary.txt': bytes(range(256)) * 100,
        'one_line.txt': b'x' * 5_000_000,
        'no_column.csv': b'file\na.png\n',
        'open_quote.csv': b'path\n"' + b'x' * 300_000,
        'number.jsonl': b'{"path": 3}\n',
        'deep.jsonl': b'[' * 200_000 + b'\n',
        'no_json.jsonl': b'{"path": \n',
        'empty.tar': b'',
        'text.tar': b'no archive' * 200,
        'packed.tar': zlib.compress(b'x' * 5000),
    }
    for name, content in refused.items():
        corpus.add('lists', name, REFUSED, content)
    members = ['../../canary.png', '/tmp/canary.png', 'a/../../canary.png', 'a\nb.png', 'ok.png']
    _tar(corpus.add('lists', 'traversal.tar', ACCEPTED), [(name, png) for name in members])
    corpus.expected['in lists/traversal.tar'] = dict.fromkeys(members, DONE)
    path = corpus.add('lists', 'cut_off.tar', ACCEPTED)
    _tar(path, [('a.png', png), ('b.png', png)])
    blocks = -(-len(png) // 512)
    path.write_bytes(path.read_bytes()[: 512 * (2 + blocks) + 10])  # ten bytes of b.png
    rest = {'rest_of_the_archive': FAILED}
    corpus.expected['in lists/cut_off.tar'] = {'a.png': DONE, 'b.png': FAILED, **rest}
    path = corpus.add('lists', 'claims_much.tar', ACCEPTED)
    info = tarfile.TarInfo('x.png')
    info.size = 2**40
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + png)
    corpus.expected['in lists/claims_much.tar'] = {'x.png': FAILED, **rest}
    with tarfile.open(corpus.add('lists', 'links.tar', REFUSED), 'w') as archive:
        for name, kind in (('a.png', tarfile.SYMTYPE), ('b.png', tarfile.LNKTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, '/etc/passwd'
            archive.addfile(info)


def _tar(path: Path, members: list[tuple[str, bytes]]) -> None:
    with tarfile.open(path, 'w') as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def add_configs(corpus: Corpus) -> None:
    """Configs, and configs whose weights are bad."""
    base = f'_base_ = [{str(_config())!r}]\n'
    texts = {
        'syntax.py': 'model = dict(',
        'empty.py': '',
        'raises.py': 'raise RuntimeError("no")',
        'base_of_itself.py': "_base_ = ['base_of_itself.py']",
        'missing_base.py': "_base_ = ['nowhere.py']",
        'binary.py': '\0\1\2',
        'no_model.py': 'x = 1',
        'model_is_text.py': "model = 'RegularizedInverter'",
        'unknown_type.py': "model = dict(type='NoSuchInverter')",
        'unknown_key.py': base + 'model = dict(num_stepz=3)',
        'steps_are_text.py': base + "model = dict(num_steps='many')",
        'steps_are_negative.py': base + 'model = dict(num_steps=-1)',
        'unknown_loss.py': base + "model = dict(losses=dict(x=dict(type='NoSuchLoss')))",
        'loss_is_number.py': base + 'model = dict(losses=dict(pixel=dict(loss_weight="much")))',
        'missing_file.py': base + "model = dict(generator=dict(checkpoint='nowhere.pth'))",
        'missing_statistics.py': base + "model = dict(statistics=dict(path='nowhere'))",
        'outside_the_package.py': base
        + "model = dict(statistics=dict(path='asset://../../../etc/passwd'))",
        'not_an_inverter.py': "model = dict(type='StyleGAN2')",
        'channel_order.py': base + "model = dict(generator=dict(channel_order='grb'))",
    }
    for name, text in texts.items():
        corpus.add('configs', name, REFUSED, text.encode())

    folder = corpus.folder / 'weights'
    folder.mkdir()
    generator = load_file(local_path(f'{ASSETS}/generator.safetensors'))
    encoder = load_file(local_path(f'{ASSETS}/encoder_16x16.safetensors'))
    data = Path(local_path(f'{ASSETS}/generator.safetensors')).read_bytes()
    first = next(k for k, v in generator.items() if v.is_floating_point() and v.ndim > 1)
    buffer = io.BytesIO()
    torch.save({'state_dict': {'x': torch.zeros(2)}, 'x': Runs(corpus.folder / 'canary')}, buffer)
    files: dict[str, Callable[[Path], object]] = {
        'truncated.safetensors': lambda path: path.write_bytes(data[: len(data) // 2]),
        'zero_byte.safetensors': lambda path: path.write_bytes(b''),
        'text.safetensors': lambda path: path.write_bytes(b'no weights'),
        'long_header.safetensors': lambda path: path.write_bytes(struct.pack('<Q', 2**60)),
        'code.pth': lambda path: path.write_bytes(buffer.getvalue()),
        'pickle.pth': lambda path: path.write_bytes(pickle.dumps(Runs(corpus.folder / 'canary'))),
        'truncated.pth': lambda path: path.write_bytes(buffer.getvalue()[:200]),
        'of_an_encoder.safetensors': lambda path: save_file(encoder, path),
        'one_is_missing.safetensors': lambda path: save_file(
            {k: v for k, v in generator.items() if k != first}, path
        ),
        'other_widths.safetensors': lambda path: save_file(
            {**generator, first: torch.zeros(3, 3)}, path
        ),
    }
    for name, write in files.items():
        write(folder / name)
        text = f'{base}model = dict(generator=dict(checkpoint={str(folder / name)!r}))'
        corpus.add('configs', f'weights_{name}.py', REFUSED, text.encode())
    for name, change in {
        'nan': lambda v: torch.full_like(v, float('nan')),
        'infinite': lambda v: torch.full_like(v, float('inf')),
    }.items():
        path = folder / f'{name}.safetensors'
        changed = {k: change(v) if k.endswith('bias') else v for k, v in encoder.items()}
        save_file({k: v.contiguous() for k, v in changed.items()}, path)
        text = f'{base}model = dict(encoder=dict(checkpoint={str(path)!r}))'
        corpus.add('configs', f'weights_{name}.py', REFUSED, text.encode())


def _config() -> Path:
    from mmgen_bdinvert.apis import find_config

    return find_config('bdinvert_inv_toon64')


def add_codes(corpus: Corpus) -> None:
    """Codes and directions."""
    code = LatentCode(torch.zeros(1, 128, 16, 16), torch.zeros(1, 6, 128))
    path = corpus.add('codes', 'good.safetensors', ACCEPTED)
    code.save(path)
    data = path.read_bytes()
    kind = {'kind': 'mmgen_bdinvert.latent_code', 'version': '1'}
    parts = {'base': code.base, 'detail': code.detail}
    saved = {
        'no_metadata': (parts, None),
        'other_version': (parts, {**kind, 'version': '99'}),
        'other_channel_order': (parts, {**kind, 'channel_order': 'grb'}),
        'swapped_channel_order': (parts, {**kind, 'channel_order': 'rgb'}),
        'other_generator': (parts, {**kind, 'generator': 'ab' * 32}),
        'not_square': ({**parts, 'base': torch.zeros(1, 128, 16, 8)}, kind),
        'other_batch': ({**parts, 'base': torch.zeros(2, 128, 16, 16)}, kind),
        'other_size': ({**parts, 'base': torch.zeros(1, 128, 8, 8)}, kind),
        'no_detail': ({'base': code.base}, kind),
        'one_more': ({**parts, 'x': torch.zeros(1)}, kind),
        'nan': ({**parts, 'detail': torch.full((1, 6, 128), float('nan'))}, kind),
        'whole_numbers': ({**parts, 'base': torch.zeros(1, 128, 16, 16).long()}, kind),
    }
    for name, (tensors, metadata) in saved.items():
        save_file(tensors, corpus.add('codes', f'{name}.safetensors', REFUSED), metadata)
    for name, content in {
        'truncated': data[:-100],
        'zero_byte': b'',
        'text': b'no code',
        'long_header': struct.pack('<Q', 2**62) + data,
    }.items():
        corpus.add('codes', f'{name}.safetensors', REFUSED, content)

    buffer = io.BytesIO()
    torch.save([Runs(corpus.folder / 'canary')], buffer)
    objects = np.array([Runs(corpus.folder / 'canary')], dtype=object)
    for name, content in {
        'code.pt': buffer.getvalue(),
        'pickle.pt': pickle.dumps(Runs(corpus.folder / 'canary')),
        'objects.npy': _npy(objects),
        'nan.npy': _npy(np.full((1, 128), np.nan, np.float32)),
        'infinite.npy': _npy(np.full((1, 128), np.inf, np.float32)),
        'text.npy': b'no array',
        'words.npy': _npy(np.array(['a', 'b'])),
        'empty.npy': _npy(np.zeros((0, 128), np.float32)),
        'five_axes.npy': _npy(np.zeros((1, 1, 1, 1, 128), np.float32)),
        'claims_much.npy': _npy_header((10**9, 10**6)),
        'truncated.npy': _npy(np.zeros((1, 128), np.float32))[:200],
        'zero_byte.safetensors': b'',
        'a_code.safetensors': data,
        'unknown.bin': b'x',
    }.items():
        corpus.add('directions', name, REFUSED, content)
    corpus.add('directions', 'good.npy', ACCEPTED, _npy(np.ones((1, 128), np.float32)))


def _npy_header(shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {'descr': '<f4', 'fortran_order': False, 'shape': shape}
    )
    return buffer.getvalue()


EXAMPLES = """
python tools/hostile_inputs.py work_dirs/hostile
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('out_dir', help='an empty folder')
    return parser.parse_args(argv)


def main(argv=None):
    folder = ensure_writable_folder(parse_args(argv).out_dir).resolve()
    if any(folder.iterdir()):
        raise ValueError(f'The folder must be empty, but {str(folder)!r} is not.')
    corpus = Corpus(folder)
    sys.path.append(str(Path(__file__).parents[1] / 'tests' / 'robustness'))
    from hostile_pictures import add_pictures

    for add in (add_images, add_lists, add_configs, add_codes, add_pictures):
        add(corpus)
    count = sum(map(len, corpus.expected.values()))
    (folder / 'expected.json').write_text(json.dumps(corpus.expected, indent=1))
    print(f'{count} inputs in {folder}')


if __name__ == '__main__':
    sys.exit(run_tool(main))
