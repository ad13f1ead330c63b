# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""StyleGAN2 generators of rosinality's stylegan2-pytorch: mmgen's conventions, but RGB."""

from __future__ import annotations

from collections.abc import Mapping

from .conversion import Conversion, Ledger
from .generator_layout import StyleGAN2Builder

__all__ = ['convert_rosinality']


def convert_rosinality(source: Mapping) -> Conversion:
    """Convert a generator's state dict.

    Args:
        source (Mapping[str, Tensor]): ``style.<i>.*``, ``input.input``, ``conv1.*``, ``to_rgb1.*``,
            ``convs.<i>.*``, ``to_rgbs.<i>.*`` and ``noises.noise_<i>``.

    Returns:
        Conversion: A generator in mmgen's naming, emitting BGR.

    Raises:
        ValueError: A tensor is missing, unknown or of another shape.
    """
    ledger, builder = Ledger(source), StyleGAN2Builder()
    take = ledger.take
    for i in ledger.numbers('style.{}.weight', 1):  # style.0 normalises and has no weights
        builder.mapping(i - 1, take(f'style.{i}.weight'), take(f'style.{i}.bias'))
    builder.constant(take('input.input', 4))
    for i in (0, *(j + 1 for j in ledger.numbers('convs.{}.conv.weight'))):
        name = f'convs.{i - 1}' if i else 'conv1'
        builder.convolution(
            i,
            take(f'{name}.conv.weight', 5),
            take(f'{name}.conv.modulation.weight'),
            take(f'{name}.conv.modulation.bias'),
            take(f'{name}.activate.bias'),
            take(f'{name}.noise.weight'),
            take(f'noises.noise_{i}', 4),
            take(f'{name}.conv.blur.kernel', 2) if i % 2 == 1 else None,
        )
    for i in (0, *(j + 1 for j in ledger.numbers('to_rgbs.{}.conv.weight'))):
        name = f'to_rgbs.{i - 1}' if i else 'to_rgb1'
        builder.rgb(
            i,
            take(f'{name}.conv.weight', 5),
            take(f'{name}.conv.modulation.weight'),
            take(f'{name}.conv.modulation.bias'),
            take(f'{name}.bias'),
            take(f'{name}.upsample.kernel', 2) if i else None,
        )
    return builder.finish(ledger)
