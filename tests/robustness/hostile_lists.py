# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Lists of images and archives."""

from __future__ import annotations

import io
import os
import tarfile
import zlib
from functools import partial

from hostile import DONE, FAILED, Case
from ingredients import PNG, tar, write

REFUSED = {
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
PATHS = {
    '../../../../etc/passwd': FAILED,
    '/dev/zero': FAILED,
    '/etc': FAILED,
    'http://localhost/x.png': FAILED,
    '~/x.png': FAILED,
    '-rf': FAILED,
    'good.png': DONE,
}
TRAVERSAL = ['../../canary.png', '/tmp/canary.png', 'a/../../canary.png', 'a\nb.png', 'ok.png']
REST = 'rest_of_the_archive'  # which is not readable


def cut_off() -> bytes:
    blocks = -(-len(PNG) // 512)
    whole = tar([('a.png', PNG), ('b.png', PNG)])
    return whole[: 512 * (2 + blocks) + 10]  # ten bytes of b.png


def claims_much() -> bytes:
    info = tarfile.TarInfo('x.png')
    info.size = 2**40
    return info.tobuf(tarfile.GNU_FORMAT) + PNG


def links() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w') as archive:
        for name, kind in (('a.png', tarfile.SYMTYPE), ('b.png', tarfile.LNKTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, '/etc/passwd'
            archive.addfile(info)
    return buffer.getvalue()


def inverted(name: str, content: bytes, outcomes: dict[str, str]) -> Case:
    """Return the case of a list or an archive that is accepted, whatever is in it."""
    return Case(
        name,
        ('invert', 'bdinvert_inv_toon64', name, '--out-dir', 'out', '--steps', '1'),
        partial(write, {name: content, 'good.png': PNG}),
        code=int(FAILED in outcomes.values()),
        outcomes=outcomes,
        check=nothing_outside,
        sample=True,
    )


def nothing_outside(ended) -> None:
    assert not os.path.exists('/tmp/canary.png') and not os.path.exists('../canary.png')


def find(name: str) -> None:
    from mmgen_bdinvert.io import find_sources

    find_sources(name)


def in_archive(name: str, outcomes: dict[str, str]) -> dict[str, str]:
    return {f'{name}/{member}': outcome for member, outcome in outcomes.items()}


CASES = [
    inverted('paths.txt', '\n'.join(PATHS).encode(), PATHS),
    inverted(
        'traversal.tar',
        tar([(name, PNG) for name in TRAVERSAL]),
        in_archive('traversal.tar', dict.fromkeys(TRAVERSAL, DONE)),
    ),
    inverted(
        'cut_off.tar',
        cut_off(),
        in_archive('cut_off.tar', {'a.png': DONE, 'b.png': FAILED, REST: FAILED}),
    ),
    inverted(
        'claims_much.tar',
        claims_much(),
        in_archive('claims_much.tar', {'x.png': FAILED, REST: FAILED}),
    ),
    *(
        Case(name, partial(find, name), partial(write, {name: content}))
        for name, content in {**REFUSED, 'links.tar': links()}.items()
    ),
]
