# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Files that are given as directions."""

from __future__ import annotations

import io
import pickle
from functools import partial

import numpy as np
import torch
from hostile import Case
from ingredients import Runs, npy, npy_header, write
from safetensors.torch import save


def pt() -> bytes:
    buffer = io.BytesIO()
    torch.save([Runs()], buffer)
    return buffer.getvalue()


CODE = {'base': torch.zeros(1, 128, 16, 16), 'detail': torch.zeros(1, 6, 128)}
REFUSED = {
    'code.pt': pt(),
    'pickle.pt': pickle.dumps(Runs()),
    'objects.npy': npy(np.array([Runs()], dtype=object)),
    'nan.npy': npy(np.full((1, 128), np.nan, np.float32)),
    'infinite.npy': npy(np.full((1, 128), np.inf, np.float32)),
    'text.npy': b'no array',
    'words.npy': npy(np.array(['a', 'b'])),
    'empty.npy': npy(np.zeros((0, 128), np.float32)),
    'five_axes.npy': npy(np.zeros((1, 1, 1, 1, 128), np.float32)),
    'claims_much.npy': npy_header((10**9, 10**6)),
    'truncated.npy': npy(np.zeros((1, 128), np.float32))[:200],
    'zero_byte.safetensors': b'',
    'a_code.safetensors': save(CODE, {'kind': 'mmgen_bdinvert.latent_code', 'version': '1'}),
    'unknown.bin': b'x',
}


def read(name: str) -> None:
    from mmgen_bdinvert.editing import load_direction

    load_direction(name)


def case(name: str, content: bytes, code: int = 2, **settings) -> Case:
    return Case(name, partial(read, name), partial(write, {name: content}), code, **settings)


CASES = [
    case('good.npy', npy(np.ones((1, 128), np.float32)), 0, sample=True),
    *(case(name, content) for name, content in REFUSED.items()),
]
