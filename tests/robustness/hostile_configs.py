# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Configs, and configs whose weights are bad. A config is a program: what it runs is no matter."""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path

import torch
from hostile import Case
from ingredients import Runs, write
from safetensors.torch import load, save

NAME = 'bdinvert_inv_toon64'


@lru_cache
def base() -> str:
    from mmgen_bdinvert.apis import find_config

    return f'_base_ = [{str(find_config(NAME))!r}]\n'


REFUSED = {
    'syntax.py': 'model = dict(',
    'empty.py': '',
    'raises.py': 'raise RuntimeError("no")',
    'base_of_itself.py': "_base_ = ['base_of_itself.py']",
    'missing_base.py': "_base_ = ['nowhere.py']",
    'binary.py': '\0\1\2',
    'no_model.py': 'x = 1',
    'model_is_text.py': "model = 'RegularizedInverter'",
    'unknown_type.py': "model = dict(type='NoSuchInverter')",
    'not_an_inverter.py': "model = dict(type='StyleGAN2')",
}
CHANGES = {
    'unknown_key.py': 'num_stepz=3',
    'steps_are_text.py': "num_steps='many'",
    'steps_are_negative.py': 'num_steps=-1',
    'unknown_loss.py': "losses=dict(x=dict(type='NoSuchLoss'))",
    'loss_is_number.py': 'losses=dict(pixel=dict(loss_weight="much"))',
    'missing_file.py': "generator=dict(checkpoint='nowhere.pth')",
    'missing_statistics.py': "statistics=dict(path='nowhere')",
    'outside_the_package.py': "statistics=dict(path='asset://../../../etc/passwd')",
    'channel_order.py': "generator=dict(channel_order='grb')",
}


def init(name: str) -> None:
    from mmgen_bdinvert.apis import init_inverter

    init_inverter(name, device='cpu')


@lru_cache
def asset(name: str) -> bytes:
    from mmgen_bdinvert.io import local_path

    return Path(local_path(f'asset://toon64/{name}.safetensors')).read_bytes()


def pth(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def generator(change: Callable[[dict[str, torch.Tensor], str], Mapping[str, torch.Tensor]]):
    """Return the generator's weights, changed at the first matrix of floats."""
    tensors = load(asset('generator'))
    first = next(k for k, v in tensors.items() if v.is_floating_point() and v.ndim > 1)
    return save(dict(change(tensors, first)))


def encoder(value: float) -> bytes:
    tensors = load(asset('encoder_16x16'))
    biases = {k: torch.full_like(v, value) for k, v in tensors.items() if k.endswith('bias')}
    return save({**tensors, **biases})


CODE = {'state_dict': {'x': torch.zeros(2)}, 'x': Runs()}
WEIGHTS: dict[str, tuple[str, Callable[[], bytes]]] = {
    'truncated.safetensors': (
        'generator',
        lambda: asset('generator')[: len(asset('generator')) // 2],
    ),
    'zero_byte.safetensors': ('generator', lambda: b''),
    'text.safetensors': ('generator', lambda: b'no weights'),
    'long_header.safetensors': ('generator', lambda: struct.pack('<Q', 2**60)),
    'code.pth': ('generator', lambda: pth(CODE)),
    'pickle.pth': ('generator', lambda: pickle.dumps(Runs())),
    'truncated.pth': ('generator', lambda: pth(CODE)[:200]),
    'of_an_encoder.safetensors': ('generator', lambda: asset('encoder_16x16')),
    'one_is_missing.safetensors': (
        'generator',
        lambda: generator(lambda t, first: {k: v for k, v in t.items() if k != first}),
    ),
    'other_widths.safetensors': (
        'generator',
        lambda: generator(lambda t, first: {**t, first: torch.zeros(3, 3)}),
    ),
    'nan.safetensors': ('encoder', lambda: encoder(float('nan'))),
    'infinite.safetensors': ('encoder', lambda: encoder(float('inf'))),
}


def make_change(name: str, change: str) -> None:
    write({name: f'{base()}model = dict({change})'.encode()})


def make_weights(name: str, part: str, content: Callable[[], bytes]) -> None:
    write({name: content()})
    make_change('config.py', f'{part}=dict(checkpoint={name!r})')


CASES = [
    *(
        Case(name, partial(init, name), partial(write, {name: text.encode()}))
        for name, text in REFUSED.items()
    ),
    *(
        Case(name, partial(init, name), partial(make_change, name, change))
        for name, change in CHANGES.items()
    ),
    *(
        Case(f'weights {name}', partial(init, 'config.py'), partial(make_weights, name, *made))
        for name, made in WEIGHTS.items()
    ),
]
