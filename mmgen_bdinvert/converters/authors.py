# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Encoders and P-norm+ statistics of the authors' release of BDInvert."""

from __future__ import annotations

import json
from collections.abc import Mapping

import torch

from ..models.base_code_encoder import BaseCodeEncoder
from ..models.latent_stats import LatentStatistics
from ..models.state_dicts import fit_state
from .conversion import NOTHING, Conversion, Ledger

__all__ = ['PNORM_ARRAYS', 'convert_bdinvert_encoder', 'convert_bdinvert_pnorm']

# Names of the arrays (the files are NAME.npy), and of the tensors here.
PNORM_ARRAYS = {
    'mean_latent': 'mean',
    'eigen_vectors': 'components',
    'eigen_values': 'eigenvalues',
}
_FIRST_CONVOLUTIONS = (0, 10, 20)  # of the three blocks, in the sequential
_LAST = 33


def convert_bdinvert_encoder(source: Mapping, *, base_size: int = 16) -> Conversion:
    """Convert ``model.<i>.*``: the same layers in the same order, and RGB as here."""
    ledger = Ledger(source)
    tensors = {name: ledger.take(name) for name in source if name.startswith('model.')}
    ledger.close()
    settings = dict(
        base_channels=_outputs(tensors, _LAST),
        base_size=base_size,
        widths=tuple(_outputs(tensors, i) for i in _FIRST_CONVOLUTIONS),
    )
    with torch.random.fork_rng(devices=[]):
        wanted = BaseCodeEncoder(**settings).state_dict()
    unbound = ('generator_fingerprint', 'trained_base_size')  # buffers that the source lacks
    tensors.update({name: wanted[name] for name in unbound})
    tensors = fit_state(tensors, wanted, 'what it holds', 'a BaseCodeEncoder', NOTHING)
    facts = {name: json.dumps(value) for name, value in settings.items()}
    config = dict(type='BaseCodeEncoder', **settings)
    return Conversion('encoder', tensors, config, len(ledger.taken), facts)


def _outputs(tensors: Mapping, i: int) -> int:
    weight = tensors.get(f'model.{i}.weight')
    if weight is None or weight.ndim != 4:
        raise ValueError(
            f'an encoder has its convolutions at {", ".join(map(str, _FIRST_CONVOLUTIONS))} and '
            f'{_LAST} of the sequential, but there is none at model.{i}.'
        )
    return weight.shape[0]


def convert_bdinvert_pnorm(source: Mapping) -> Conversion:
    """Convert mean, eigenvalues in any order, and eigenvectors of ``LeakyReLU(w, 5)``."""
    ledger = Ledger(source)
    taken = {ours: ledger.take(theirs) for theirs, ours in PNORM_ARRAYS.items()}
    ledger.close()
    statistics = LatentStatistics(**taken)  # checks and sorts
    tensors = dict(statistics.named_buffers())
    facts = {'style_channels': str(len(statistics.mean))}
    return Conversion('statistics', tensors, dict(type='LatentStatistics'), 3, facts)
