# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Generators, StyleGAN1 or StyleGAN2, out of checkpoints of mmgen 0.x and 1.x."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ..models.checkpoint import GENERATOR_PREFIXES, select_part
from .conversion import Conversion, Ledger
from .generator_layout import generator_conversion

__all__ = ['convert_mmgen']

# What stands beside the generator in a checkpoint, by prefix.
_OTHERS = {
    'generator_ema.steps': 'a counter of the averaging',
    'generator.': 'the generator before averaging',
    'discriminator.': 'the discriminator',
    'data_preprocessor.': 'constants of the data preprocessor',
    # The path-length regulariser of 1.x, the losses of 0.x, and StyleGAN1's growing.
    'mean_path_length': 'the state of a training',
    'gen_auxiliary_losses.': 'the state of a training',
    'disc_auxiliary_losses.': 'the state of a training',
    'shown_nkimg': 'the state of a training',
    '_curr_': 'the state of a training',
    '_next_': 'the state of a training',
}


def convert_mmgen(source: Mapping) -> Conversion:
    """Extract the generator, the averaged one where there is one; a bare generator passes through.

    Args:
        source (Mapping[str, Tensor]): ``generator_ema.module.*`` (1.x), ``generator_ema.*`` (0.x),
            ``generator.*``, or a generator's own names.

    Returns:
        Conversion: The generator under mmgen's own names, emitting what it emitted (BGR).

    Raises:
        ValueError: A tensor is missing, unknown or of another shape.
    """
    tensors = {name: value for name, value in source.items() if isinstance(value, Tensor)}
    part, prefix = select_part(tensors, GENERATOR_PREFIXES)
    ledger = Ledger(tensors)
    result = {name: ledger.take(f'{prefix}{name}') for name in part}
    for start, reason in _OTHERS.items():
        for name in tensors:
            if name.startswith(start) and name not in ledger.taken:
                ledger.leave(name, reason)
    return generator_conversion(result, ledger, source_order='bgr')
