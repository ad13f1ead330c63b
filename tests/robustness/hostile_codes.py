# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Code files that are damaged, of another generator, or none."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
from hostile import Case
from safetensors.torch import save

CODE = 'x.safetensors'
KIND = {'kind': 'mmgen_bdinvert.latent_code', 'version': '1'}
BASE, DETAIL = torch.zeros(1, 128, 16, 16), torch.zeros(1, 6, 128)
PARTS = {'base': BASE, 'detail': DETAIL}
BYTES = save(PARTS, KIND)


def load() -> None:
    from mmgen_bdinvert.apis import init_generator
    from mmgen_bdinvert.structures import LatentCode

    LatentCode.load(CODE, init_generator('bdinvert_inv_toon64', 'cpu'))


def saved(parts: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    return save(dict(parts), metadata)


TENSORS = {
    'no metadata': saved(PARTS),
    'other version': saved(PARTS, {**KIND, 'version': '99'}),
    'other channel order': saved(PARTS, {**KIND, 'channel_order': 'grb'}),
    'swapped channel order': saved(PARTS, {**KIND, 'channel_order': 'rgb'}),
    'other generator': saved(PARTS, {**KIND, 'generator': 'ab' * 32}),
    'not square': saved({**PARTS, 'base': torch.zeros(1, 128, 16, 8)}, KIND),
    'other batch': saved({**PARTS, 'base': torch.zeros(2, 128, 16, 16)}, KIND),
    'other size': saved({**PARTS, 'base': torch.zeros(1, 128, 8, 8)}, KIND),
    'no detail': saved({'base': BASE}, KIND),
    'one more': saved({**PARTS, 'x': torch.zeros(1)}, KIND),
    'nan': saved({**PARTS, 'detail': torch.full((1, 6, 128), float('nan'))}, KIND),
    'whole numbers': saved({**PARTS, 'base': BASE.long()}, KIND),
    'truncated': BYTES[:-100],
    'zero bytes': b'',
    'text': b'no code',
    'long header': struct.pack('<Q', 2**62) + BYTES,
}


def write(content: bytes) -> None:
    Path(CODE).write_bytes(content)


CASES = [
    Case(
        'good',
        (
            'edit',
            CODE,
            '--config',
            'bdinvert_inv_toon64',
            '--shift',
            '0.1',
            '0',
            '--out-dir',
            'out',
        ),
        partial(write, BYTES),
        code=0,
        sample=True,
    ),
    *(Case(name, load, partial(write, content)) for name, content in TENSORS.items()),
]
