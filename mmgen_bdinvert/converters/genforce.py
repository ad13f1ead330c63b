# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""StyleGAN2 generators of GenForce, which the authors' release of BDInvert uses.

They keep TensorFlow's conventions: the kernels of up-sampling convolutions are those of a
correlation, and style biases lack the 1 that the style starts from. Images are RGB.
"""

from __future__ import annotations

from collections.abc import Mapping

from .conversion import Conversion, Ledger
from .generator_layout import StyleGAN2Builder

__all__ = ['convert_genforce']


def convert_genforce(source: Mapping) -> Conversion:
    """Convert a generator's state dict.

    Args:
        source (Mapping[str, Tensor]): ``mapping.dense<i>.*``, ``synthesis.early_layer.const``,
            ``synthesis.layer<i>.*``, ``synthesis.output<i>.*``, ``synthesis.upsample.kernel`` and
            ``truncation.w_avg``.

    Returns:
        Conversion: A generator in mmgen's naming, emitting BGR.

    Raises:
        ValueError: A tensor is missing, unknown or of another shape.
    """
    ledger, builder = Ledger(source), StyleGAN2Builder()
    take = ledger.take
    for i in ledger.numbers('mapping.dense{}.weight'):
        builder.mapping(i, take(f'mapping.dense{i}.weight'), take(f'mapping.dense{i}.bias'))
    builder.constant(take('synthesis.early_layer.const', 4))
    for i in ledger.numbers('synthesis.layer{}.weight'):
        name, up = f'synthesis.layer{i}', i % 2 == 1
        weight = take(f'{name}.weight', 4)
        builder.convolution(
            i,
            weight.flip(2, 3) if up else weight,
            take(f'{name}.style.weight'),
            take(f'{name}.style.bias') + 1,
            take(f'{name}.bias'),
            take(f'{name}.noise_strength'),
            take(f'{name}.noise', 4),
            # Applied as a correlation; mmgen convolves. The usual (1, 3, 3, 1) is symmetric.
            take(f'{name}.filter.kernel', 4)[0, 0].flip(0, 1) if up else None,
        )
    kernel = take('synthesis.upsample.kernel', 4)[0, 0].flip(0, 1)
    for i in ledger.numbers('synthesis.output{}.weight'):
        name = f'synthesis.output{i}'
        builder.rgb(
            i,
            take(f'{name}.weight', 4),
            take(f'{name}.style.weight'),
            take(f'{name}.style.bias') + 1,
            take(f'{name}.bias'),
            kernel.clone() if i else None,
        )
    ledger.leave('truncation.w_avg', 'the mean w, which is measured anew from the mapping network')
    return builder.finish(ledger)
