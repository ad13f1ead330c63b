# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Base-code encoders of the authors' release of BDInvert."""

from __future__ import annotations

import json
from collections.abc import Mapping

import torch

from ..models.base_code_encoder import BaseCodeEncoder
from ..models.state_dicts import fit_state
from .conversion import NOTHING, Conversion, Ledger

__all__ = ['convert_bdinvert_encoder']

_FIRST_CONVOLUTIONS = (0, 10, 20)  # of the three blocks, in the sequential
_LAST = 33


def convert_bdinvert_encoder(source: Mapping, *, base_size: int = 16) -> Conversion:
    """Convert an encoder's state dict: the same layers in the same order, and RGB as here.

    Args:
        source (Mapping[str, Tensor]): ``model.<i>.*`` of 11 convolutions with batch normalisation.
        base_size (int): Side of its base codes. The weights do not tell: the network is fully
            convolutional. Defaults to 16, the released encoder's.

    Returns:
        Conversion: An encoder that fits any generator with base codes of its channels.

    Raises:
        ValueError: A tensor is missing, unknown or of another shape.
    """
    ledger = Ledger(source)
    tensors = {name: ledger.take(name) for name in source if name.startswith('model.')}
    ledger.close()
    widths = [_outputs(tensors, i) for i in _FIRST_CONVOLUTIONS]
    config = dict(
        type='BaseCodeEncoder',
        base_channels=_outputs(tensors, _LAST),
        base_size=base_size,
        widths=tuple(widths),
    )
    settings = {name: value for name, value in config.items() if name != 'type'}
    with torch.random.fork_rng(devices=[]):
        wanted = BaseCodeEncoder(**settings).state_dict()
    unbound = ('generator_fingerprint', 'trained_base_size')  # buffers that the source lacks
    tensors.update({name: wanted[name] for name in unbound})
    tensors = fit_state(tensors, wanted, 'what it holds', 'a BaseCodeEncoder', NOTHING)
    facts = {name: json.dumps(value) for name, value in settings.items()}
    return Conversion('encoder', tensors, config, len(ledger.taken), facts)


def _outputs(tensors: Mapping, i: int) -> int:
    weight = tensors.get(f'model.{i}.weight')
    if weight is None or weight.ndim != 4:
        raise ValueError(
            f'an encoder has its convolutions at {", ".join(map(str, _FIRST_CONVOLUTIONS))} and '
            f'{_LAST} of the sequential, but there is none at model.{i}.'
        )
    return weight.shape[0]
