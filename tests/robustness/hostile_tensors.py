# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Hostile and odd tensors in files of every kind, and settings that are no numbers or no parts."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import torch
from readers import reading_cases
from safetensors.torch import load_file, save_file

from mmgen_bdinvert.apis import find_config
from mmgen_bdinvert.io import local_path
from mmgen_bdinvert.structures import LatentCode

ACCEPTED, REFUSED = 'accepted', 'refused'
ASSETS = 'asset://toon64'
OTHER_NUMBERS = {
    'fp8': lambda t: t.to(torch.float8_e4m3fn),
    'whole_numbers': lambda t: t.long(),
    'bool': lambda t: t > 0,
    'complex': lambda t: t.cfloat(),
    'too_large': lambda t: (t.double() + 1) * 1e60,
    'not_finite': lambda t: t / 0,
}
REAL = {'float64': torch.float64, 'float16': torch.float16, 'bfloat16': torch.bfloat16}


def add_cases(corpus) -> None:
    """Add all of them."""
    _add_codes(corpus)
    _add_directions(corpus)
    _add_weights(corpus)
    _add_settings(corpus)


def _add_codes(corpus) -> None:
    parts = {'base': torch.zeros(1, 128, 16, 16), 'detail': torch.ones(1, 6, 128)}
    kind = {'kind': 'mmgen_bdinvert.latent_code', 'version': '1'}
    for name, change in OTHER_NUMBERS.items():
        path = corpus.add('codes', f'tensors_{name}.safetensors', REFUSED)
        save_file({k: change(v) for k, v in parts.items()}, path, kind)
    for name, dtype in REAL.items():
        path = corpus.add('codes', f'tensors_{name}.safetensors', ACCEPTED)
        save_file({k: v.to(dtype) for k, v in parts.items()}, path, kind)
    path = corpus.add('codes', 'tensors_good.safetensors', ACCEPTED)
    LatentCode(**parts).save(path)
    data = path.read_bytes()
    size = int.from_bytes(data[:8], 'little')
    text, rest = data[8 : 8 + size].decode().strip(), data[8 + size :]
    claims = json.loads(text)
    claims['base']['shape'] = [1, 128, 2**30, 2**30]
    for name, header in {
        'twins': text[:-1] + ',' + text[text.index('"base"') :],
        'claims_much': json.dumps(claims),
        'deep': '{"__metadata__":' + '[' * 200_000,
        'no_dict': '[]',
    }.items():
        content = struct.pack('<Q', len(header)) + header.encode() + rest
        corpus.add('codes', f'tensors_{name}.safetensors', REFUSED, content)


def _add_directions(corpus) -> None:
    vector = torch.ones(1, 128)
    odd = {
        'expanded': torch.ones(1).expand(2**37),
        'overlapping': torch.ones(200).as_strided((4, 128), (1, 1)),
        'meta': torch.zeros(1, 128, device='meta'),
        'sparse': vector.to_sparse(),
        'csr': vector.to_sparse_csr(),
        'nested': torch.nested.nested_tensor([vector[0], vector[0, :3]]),
        'quantised': torch.quantize_per_tensor(vector, 0.1, 0, torch.quint8),
        'list': [vector],
        'no_tensor': 5,
        **{name: change(vector) for name, change in OTHER_NUMBERS.items()},
    }
    for name, tensor in odd.items():
        torch.save(tensor, corpus.add('directions', f'tensors_{name}.pt', REFUSED))
    for name, dtype in REAL.items():
        torch.save(vector.to(dtype), corpus.add('directions', f'tensors_{name}.pt', ACCEPTED))
    plain = io.BytesIO()
    torch.save(torch.zeros(1_000_000), plain)
    with zipfile.ZipFile(plain) as old:
        path = corpus.add('directions', 'tensors_packed.pt', REFUSED)
        with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as new:
            for member in old.namelist():
                new.writestr(member, old.read(member))
    bomb = np.zeros(20_000_000, np.float32)
    np.savez_compressed(corpus.add('directions', 'tensors_bomb.npz', REFUSED), bomb)
    np.savez(corpus.add('directions', 'tensors_two.npz', REFUSED), a=vector, b=vector)
    np.savez(corpus.add('directions', 'tensors_good.npz', ACCEPTED), vector)
    np.save(corpus.add('directions', 'tensors_other_order.npy', ACCEPTED), np.ones(128, '>f4'))
    np.save(corpus.add('directions', 'tensors_complex.npy', REFUSED), np.ones(128, complex))
    kind = {'kind': 'mmgen_bdinvert.direction', 'version': '1'}
    for name, facts in {
        'deep_notes': {'notes': '[' * 200_000},
        'notes_are_a_list': {'notes': '[1]'},
        'layers_are_text': {'layers': '"0-4"'},
        'layers_are_a_number': {'layers': '5'},
        'layers_are_no_json': {'layers': '[1,'},
    }.items():
        path = corpus.add('directions', f'tensors_{name}.safetensors', REFUSED)
        save_file({'vector': vector}, path, {**kind, **facts})


def _add_weights(corpus) -> None:
    """Weights of the encoder, in configs, and files for ``convert``."""
    folder = corpus.folder / 'weights'
    folder.mkdir(exist_ok=True)
    encoder = load_file(local_path(f'{ASSETS}/encoder_16x16.safetensors'))
    name = next(k for k in encoder if k.endswith('weight'))
    weight = encoder[name].float()
    odd = {
        **{kind: change(weight) for kind, change in OTHER_NUMBERS.items()},
        'meta': weight.to('meta'),
        'sparse': weight.to_sparse(),
        'expanded': torch.ones(1).expand(weight.shape),
    }
    for kind, tensor in odd.items():
        path = folder / f'encoder_{kind}.pth'
        torch.save({**encoder, name: tensor}, path)
        _add_config(corpus, f'encoder_{kind}', f'encoder=dict(checkpoint={str(path)!r})')
        corpus.add('foreign', path.name, REFUSED, path.read_bytes())
    counter = next(k for k in encoder if k.endswith('num_batches_tracked'))
    path = folder / 'encoder_counter.pth'
    torch.save({**encoder, counter: torch.tensor(1.5)}, path)
    _add_config(corpus, 'encoder_counter', f'encoder=dict(checkpoint={str(path)!r})')
    loop: list = [torch.zeros(1)]
    loop.append(loop)
    laughs: list = [torch.zeros(1)]
    deep: list = [torch.zeros(1)]
    for _ in range(9):
        laughs = [laughs] * 10
    for _ in range(200):
        deep = [deep]
    for kind, content in {
        'loop': {'a': loop},
        'laughs': {'a': laughs},
        'deep': {'a': deep},
        'names_are_tuples': {(1, 2): weight},
        'nothing': {},
        'text': 'no weights',
    }.items():
        torch.save(content, corpus.add('foreign', f'{kind}.pth', REFUSED))


def _add_config(corpus, name: str, setting: str, outcome: str = REFUSED) -> None:
    base = f'_base_ = [{str(Path(find_config("bdinvert_inv_toon64")))!r}]\n'
    corpus.add('configs', f'{name}.py', outcome, f'{base}model = dict({setting})\n'.encode())


def _add_settings(corpus) -> None:
    for name, setting in {
        'no_encoder': 'encoder=None',
        'no_generator': 'generator=None',
        'no_losses': 'losses=dict(_delete_=True)',
        'losses_are_none': 'losses=dict(pixel=None, perceptual=None, base=None, detail=None)',
        'encoder_is_a_loss': "encoder=dict(_delete_=True, type='PixelMSELoss')",
        'statistics_are_a_loss': "statistics=dict(_delete_=True, type='PixelMSELoss')",
        'infinite_slope': "statistics=dict(slope=float('inf'))",
        'nan_slope': "statistics=dict(slope=float('nan'))",
        'floor_is_text': "statistics=dict(floor='small')",
        'infinite_weight': "losses=dict(pixel=dict(loss_weight=float('inf')))",
        'negative_weight': 'losses=dict(pixel=dict(loss_weight=-1))',
        'weight_is_true': 'losses=dict(pixel=dict(loss_weight=True))',
        'resize_is_text': "losses=dict(perceptual=dict(resize='256'))",
        'nan_rate': "optimizer=dict(lr=float('nan'))",
        'rate_is_text': "optimizer=dict(lr='fast')",
        'unknown_optimizer': "optimizer=dict(type='Adamm')",
        'unknown_setting_of_the_optimizer': 'optimizer=dict(learning_rate=1)',
        'infinite_steps': "num_steps=float('inf')",
        'steps_are_true': 'num_steps=True',
        'infinite_size': "encoder=dict(base_size=float('inf'))",
        'size_is_text': "generator=dict(base_size='16')",
        'infinite_mean': "data_preprocessor=dict(mean=[float('inf')] * 3)",
    }.items():
        _add_config(corpus, f'settings_{name}', setting)
    base = f'_base_ = [{str(find_config("bdinvert_inv_toon64"))!r}]\n'
    for name, text in {
        'misspelt': f'{base}modle = dict(num_steps=3)\n',
        'misspelt_alone': "modle = dict(type='RegularizedInverter')\n",
        'model_is_none': 'model = None\n',
        'model_is_a_list': 'model = [1]\n',
    }.items():
        corpus.add('configs', f'settings_{name}.py', REFUSED, text.encode())


CASES = reading_cases(add_cases, ['codes', 'directions', 'configs', 'foreign'], [14, 27, 36, 15])
