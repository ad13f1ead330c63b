# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""All that stands in a foreign file or folder, by dotted name; no code in it is run."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ..io.tensors import named_tensors, read_array, shown_name
from ..models.checkpoint import read_checkpoint
from ..models.foreign import pickled_bytes
from .authors import PNORM_ARRAYS
from .restricted_pickle import read_network_pickle

__all__ = ['BESIDE', 'read_contents']

_TORCH_LEGACY = b'\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.'  # torch's magic number, pickled
_PICKLE, _ARCHIVE, _NETWORKS = b'\x80', b'PK', b'torch_utils.persistence'
_TRAINING = 'the state of a training'
# What may stand beside a generator or an encoder, by the name of the part.
BESIDE = {
    r'\w*optim\w*': 'the state of an optimiser',
    r'\w*scheduler\w*|learning_rates': 'the state of a schedule',
    r'd|D|discriminator\w*': 'the discriminator',
    r'running_metadata|meta|message_hub|mean_path_length|(gen|disc)_auxiliary_losses': _TRAINING,
    r'shown_nkimg|_curr_\w*|_next_\w*': _TRAINING,
    r'latent_avg': 'the mean w, which is measured anew from the mapping network',
    r'ada_aug_p|augment_pipe': 'the augmentation',
    r'data_preprocessor': 'constants of the data preprocessor',
    r'encoder|\w+_encoder': 'an encoder of images',
    r'models': 'another network',
}


def read_contents(source: Path) -> dict[str, Any]:
    """Read tensors, and of NVIDIA's networks plain settings; ``module.`` is left out of names.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, holds more than tensors and plain data, or two of one name.
    """
    if source.is_dir():
        missing = [f'{n}.npy' for n in PNORM_ARRAYS if not (source / f'{n}.npy').is_file()]
        if missing:
            raise FileNotFoundError(
                f'A folder of P-norm+ statistics holds '
                f'{", ".join(f"{n}.npy" for n in PNORM_ARRAYS)}, but {source} has no '
                f'{", ".join(missing)}.'
            )
        return {name: read_array(source / f'{name}.npy') for name in PNORM_ARRAYS}
    if not source.is_file():
        raise FileNotFoundError(f'There is no file {source}: check the path.')
    if _is_network_pickle(source):
        networks = read_network_pickle(source)
        parts = {f'{n}.' if n else '': part for n, part in networks.items()}
        return _named(source, {f'{n}{k}': v for n, part in parts.items() for k, v in part.items()})
    # rosinality's checkpoints hold the arguments of their training, a plain record.
    content = read_checkpoint(source, safe_globals=[argparse.Namespace])
    if not isinstance(content, Mapping):
        hint = ': codes, perhaps (--from codes)' if isinstance(content, Tensor) else ''
        kind = type(content).__name__
        raise ValueError(f'{source} holds no tensors by name, but a {kind}{hint}.')
    return _named(source, dict(named_tensors(content)))


def _is_network_pickle(source: Path) -> bool:
    """Tell whether a file is a pickle, or one of torch with whole networks of NVIDIA's."""
    if source.suffix == '.safetensors':
        return False
    with source.open('rb') as file:
        start = file.read(len(_TORCH_LEGACY))
    if not start.startswith(_ARCHIVE):
        return start.startswith(_PICKLE) and start != _TORCH_LEGACY
    return _NETWORKS in pickled_bytes(source)


def _named(source: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in content.items():
        name = re.sub(r'(^|\.)(module\.)+', r'\1', key)
        if name in found:
            raise ValueError(f'{source} holds two tensors called {shown_name(name)}.')
        found[name] = value
    return found
