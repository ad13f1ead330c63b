# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Pictures of odd colours and sizes, archives and lists of odd contents, folders of links."""

from __future__ import annotations

import io
import os
import struct
import tarfile
import zlib
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from hostile import DONE, FAILED, Case
from PIL import Image


def picture(mode: str = 'RGB', kind: str = 'PNG', **options) -> bytes:
    buffer = io.BytesIO()
    Image.new('RGB', (64, 64), (220, 120, 70)).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def png(width: int, height: int, depth: int, kind: int, **chunks: bytes) -> bytes:
    """Return a PNG file of zeros; of one that is to be refused, without its pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack('>I', len(data)) + body + struct.pack('>I', zlib.crc32(body))

    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    row = bytes(1 + -(-width * channels * depth // 8))
    head = struct.pack('>IIBBBBB', width, height, depth, kind, 0, 0, 0)
    packer = zlib.compressobj(9)
    data = b''.join(packer.compress(row) for _ in range(height)) + packer.flush()
    middle = b''.join(chunk(name.encode(), content) for name, content in chunks.items())
    parts = chunk(b'IHDR', head), middle, chunk(b'IDAT', data), chunk(b'IEND', b'')
    return b'\x89PNG\r\n\x1a\n' + b''.join(parts)


def jpeg2000(width: int, height: int) -> bytes:
    """Return a JPEG 2000 file that claims to have so many pixels."""
    data = picture(kind='JPEG2000')
    place = data.index(b'ihdr') + 4
    return data[:place] + struct.pack('>II', height, width) + data[place + 8 :]


def icc(content: bytes) -> bytes:
    return b'x\0\0' + zlib.compress(content)


@lru_cache
def images() -> dict[str, dict[str, bytes]]:
    """Return pictures by outcome."""
    frames = {'save_all': True, 'append_images': [Image.new('RGB', (64, 64))] * 2}
    return {
        DONE: {
            'grey16_10500.png': png(10_500, 10_500, 16, 0),
            'grey16_clear.png': png(64, 64, 16, 0, tRNS=b'\0\0'),
            'rgb16_clear.png': png(64, 64, 16, 2, tRNS=bytes(6)),
            'grey2_clear.png': png(64, 64, 2, 0, tRNS=b'\0\1'),
            'profile_that_is_none.jpg': picture(kind='JPEG', icc_profile=b'no profile' * 99),
            'profile_of_5_mb.png': png(64, 64, 8, 2, iCCP=icc(bytes(5_000_000))),
            'profile_not_packed.png': png(64, 64, 8, 2, iCCP=b'x\0\0not packed'),
            'profile_of_no_bytes.png': png(64, 64, 8, 2, iCCP=b''),
            'cmyk.tif': picture('CMYK', 'TIFF'),
            'lab.tif': picture('LAB', 'TIFF'),
            'animated.avif': picture(kind='AVIF', **frames),
            'tall.png': png(1, 200_000, 8, 0),
        },
        FAILED: {
            'row_of_a_million.png': png(1_000_000, 1, 16, 6),
            'bomb.jp2': jpeg2000(12_000, 12_000),
            'cut_off.heic': struct.pack('>I4s4sI4s', 20, b'ftyp', b'heic', 0, b'mif1'),
            'cut_off.avif': struct.pack('>I4s4sI4s', 20, b'ftyp', b'avif', 0, b'mif1'),
        },
    }


def archive(*members: tuple) -> bytes:
    """Return an archive of names with a content, or with a type and the target of a link."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w', format=tarfile.PAX_FORMAT) as file:
        for name, *rest in members:
            info = tarfile.TarInfo(name)
            content = rest[0] if isinstance(rest[0], bytes) and len(rest[0]) > 1 else b''
            if not content:
                info.type, info.linkname = rest
            elif len(rest) > 1:
                info.pax_headers = rest[1]
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def sparse() -> tuple:
    """Return a bitmap that is mostly a hole: its first and its last 512 bytes."""
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[[0, -1]] = 200
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, 'BMP')
    data, size = buffer.getvalue(), buffer.tell()
    pieces = f'0,512,{size - 512},512'
    headers = {'GNU.sparse.size': str(size), 'GNU.sparse.numblocks': '2', 'GNU.sparse.map': pieces}
    return 'sparse.bmp', data[:512] + data[-512:], headers


def lists() -> dict[str, tuple[bytes, dict[str, str]]]:
    """Return lists and archives with the outcomes of what is in them."""
    one, header = picture(), tarfile.TarInfo('x.png')
    header.size = -1024
    links = [
        ('hard.png', tarfile.LNKTYPE, 'one.png'),
        ('soft.png', tarfile.SYMTYPE, 'one.png'),
        ('nowhere.png', tarfile.LNKTYPE, 'none.png'),
        ('pipe.png', tarfile.FIFOTYPE, ''),
    ]
    macos = [('._one.png', b'no image'), ('__MACOSX/one.png', b'no image')]
    claims = 'claims.bmp', one, {'GNU.sparse.size': str(2**40), 'GNU.sparse.map': '0,9'}
    names = dict.fromkeys(['\ud800.png', '\ud801.png', '\ud800/x.png'], FAILED)
    names['good.png'] = DONE
    lines = [name.encode('ascii', 'backslashreplace') for name in names]
    return {
        'links.tar': (
            archive(('one.png', one), *links, *macos),
            {'one.png': DONE, 'hard.png': DONE},
        ),
        'twice.tar': (archive(('a.png', b'no image'), ('a.png', one)), {'a.png': DONE}),
        'sparse.tar': (archive(sparse(), ('b.png', one)), {'sparse.bmp': DONE, 'b.png': DONE}),
        'sparse_claims.tar': (archive(claims), {'claims.bmp': FAILED}),
        'surrogates.jsonl': (b''.join(b'{"path": "%s"}\n' % line for line in lines), names),
        'names.list': (b'good.png\ngone.png\n._good.png\n', {'good.png': DONE, 'gone.png': FAILED}),
        'backwards.tar': (header.tobuf(tarfile.GNU_FORMAT) + bytes(2048), {}),
        'only_macos.tar': (archive(*macos), {}),
        'only_macos.list': (b'._good.png\n__MACOSX/good.png\n', {}),
    }


def write_images() -> None:
    for contents in images().values():
        for name, content in contents.items():
            Path('images', name).parent.mkdir(exist_ok=True)
            Path('images', name).write_bytes(content)
    folder = Path('images/circles')
    (folder / 'deep/er').mkdir(parents=True)
    (folder / 'deep/er/x.png').write_bytes(picture())
    for i in range(100):
        os.symlink('.', folder / f'self{i}')
        os.symlink('..', folder / 'deep' / f'up{i}')
    (folder / '__MACOSX').mkdir()
    (folder / '__MACOSX' / 'x.png').write_bytes(b'no image')


def write_list(name: str, content: bytes) -> None:
    Path(name).write_bytes(content)
    Path('good.png').write_bytes(picture())


def list_case(name: str, content: bytes, outcomes: dict[str, str]) -> Case:
    """Return the case of a list or an archive; without outcomes it is refused."""
    place = f'{name}/' if name.endswith('.tar') else ''
    return Case(
        name,
        ('invert', 'bdinvert_inv_toon64', name, '--out-dir', 'out', '--steps', '1'),
        partial(write_list, name, content),
        code=(1 if FAILED in outcomes.values() else 0) if outcomes else 2,
        outcomes={f'{place}{key}': outcome for key, outcome in outcomes.items()},
    )


CASES = [
    Case(
        'one job of odd pictures',
        ('invert', 'bdinvert_inv_toon64', 'images', '--out-dir', 'out', '--steps', '1'),
        write_images,
        code=1,
        outcomes={
            **{f'images/{name}': kind for kind, files in images().items() for name in files},
            'images/circles/deep/er/x.png': DONE,
        },
    ),
    *(list_case(name, content, outcomes) for name, (content, outcomes) in lists().items()),
]
