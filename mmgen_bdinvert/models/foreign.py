# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Files of other programs, recognised by names in them without loading anything."""

from __future__ import annotations

import mmap
import os
import re
import shlex
import zipfile
from pathlib import Path

from bdinvert_cli.options import FORMATS

__all__ = ['MARKERS', 'STYLEGAN3', 'convert_line', 'pickled_bytes']

# Names of tensors, one of which every file of a format has, under whatever prefix.
MARKERS = {
    'genforce': ('synthesis.early_layer.const', 'synthesis.layer0.const'),
    'rosinality': ('input.input',),
    'basicsr': ('constant_input.weight',),
    'nvidia': ('synthesis.b4.const',),
    'mmgen': ('constant_input.input', 'convs.0.conv1.input'),
    'bdinvert-encoder': ('model.33.weight',),
    'bdinvert-pnorm': ('eigen_vectors',),
}
_HOLDS = {'bdinvert-encoder': 'encoder', 'bdinvert-pnorm': 'statistics'}  # others: generators
STYLEGAN3 = 'it is a StyleGAN3, and only StyleGAN1 and StyleGAN2 are inverted here'
_MOST = 1 << 24  # bytes of a pickle without tensors that are looked at
_PICKLED_NETWORK = rb'torch_utils\.persistence'  # in all pickles of NVIDIA's
_PICKLED_STYLEGAN3 = rb'SynthesisInput|synthesis\.input\.freqs'


def convert_line(path: str | os.PathLike, wanted: str) -> str:
    """Say what a file of another program is and how it is converted; '' if it is none of those.

    Args:
        path (str | os.PathLike): File or folder that cannot be used as it is.
        wanted (str): What it should hold: 'generator', 'encoder' or 'statistics'.
    """
    file = Path(path)
    try:
        found = _format(file)
    except (OSError, ValueError, zipfile.BadZipFile):
        return ''
    if found == 'stylegan3':
        return f'{file} cannot be used: {STYLEGAN3}.'
    if found in ('', 'mmgen'):
        return ''
    if _HOLDS.get(found, 'generator') != wanted:
        return f'{file} is {FORMATS[found]}: give the file of the {wanted}.'
    out = f'{file.stem}_converted.safetensors'
    line = f'bdinvert convert {shlex.quote(str(file))} {shlex.quote(out)} --from {found}'
    return f'{file} is {FORMATS[found]}, and is converted first: {line}'


def _format(file: Path) -> str:
    if file.is_dir():
        return 'bdinvert-pnorm' if (file / 'eigen_vectors.npy').is_file() else ''
    if file.suffix == '.npy':
        return 'bdinvert-pnorm' if file.stem == 'eigen_vectors' else ''
    data = pickled_bytes(file)
    if re.search(_PICKLED_STYLEGAN3, data):
        return 'stylegan3'
    for name, markers in MARKERS.items():
        pattern = '|'.join(map(re.escape, markers)).encode()
        if re.search(rb'(?<![A-Za-z_])(' + pattern + rb')', data):
            ours = name == 'bdinvert-encoder' and re.search(rb'generator_fingerprint', data)
            return '' if ours else name
    return 'nvidia' if re.search(_PICKLED_NETWORK, data) else ''


def pickled_bytes(file: Path) -> bytes | mmap.mmap:
    """Return the names in a file of tensors among other bytes: of an archive, its pickle alone."""
    with open(file, 'rb') as stream:
        data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    if data[:2] != b'PK':
        return data
    with zipfile.ZipFile(file) as archive:
        names = [name for name in archive.namelist() if name.endswith('data.pkl')]
        if not names:
            return b''
        with archive.open(names[0]) as pickled:
            return pickled.read(_MOST)
