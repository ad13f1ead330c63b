# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Files with odd names, and what is in a folder besides ordinary files."""

from __future__ import annotations

import contextlib
import os
import socket
from functools import partial
from pathlib import Path

from hostile import DONE, FAILED, Case
from ingredients import PNG, write

NAMES = [
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
    os.fsdecode(b'\xff\xfe not text.png'),
]
SPECIAL = {
    'dir.png/inside.png': DONE,
    'plain.png': DONE,
    'link.png': DONE,
    'dangling.png': FAILED,
    'self.png': FAILED,
    'device.png': FAILED,
    'pipe.png': FAILED,
    'socket.png': FAILED,
}
if os.geteuid():  # root may read anything
    SPECIAL['forbidden.png'] = FAILED


def make_special() -> None:
    folder = Path('photos')
    ordinary = ('dir.png/inside.png', 'plain.png', '.hidden.png', 'forbidden.png')
    write({f'photos/{name}': PNG for name in ordinary if name in SPECIAL or name[0] == '.'})
    for name, target in {
        'link.png': 'plain.png',
        'dangling.png': 'nowhere.png',
        'self.png': 'self.png',
        'device.png': '/dev/zero',
        'loop': '.',
        'up': '..',
    }.items():
        os.symlink(target, folder / name)
    os.mkfifo(folder / 'pipe.png')
    with contextlib.chdir(folder), contextlib.closing(socket.socket(socket.AF_UNIX)) as one:
        one.bind('socket.png')  # the name of a socket is short
    if os.geteuid():
        (folder / 'forbidden.png').chmod(0)


INVERT = ('invert', 'bdinvert_inv_toon64', 'photos', '--out-dir', 'out', '--steps', '1')
CASES = [
    Case(
        'names of images',
        INVERT,
        partial(write, {f'photos/{name}': PNG for name in NAMES}),
        code=0,
        outcomes={f'photos/{name}': DONE for name in NAMES},
        sample=True,
    ),
    Case(
        'what is no file',
        INVERT,
        make_special,
        code=1,
        outcomes={f'photos/{name}': outcome for name, outcome in SPECIAL.items()},
        sample=True,
    ),
]
