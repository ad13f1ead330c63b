# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""StyleGAN2 generators of NVIDIA's stylegan2-ada-pytorch and stylegan3 repositories.

Weights are those of mmgen (up-sampling kernels of a true convolution, style biases with the 1),
without leading dimensions; FIR filters have sum 1 and are scaled where they are applied; images
are RGB.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from .conversion import Conversion, Ledger
from .generator_layout import StyleGAN2Builder

__all__ = ['convert_nvidia']

# Settings that mmgen's generator has built in: path of the attribute, value, what it means.
_FIXED = (
    (r'c_dim', 0, 'an unconditional generator'),
    (r'img_channels', 3, 'three colour channels'),
    (r'mapping\.fc\d+\.activation', 'lrelu', 'leaky ReLUs'),
    (r'mapping\.fc\d+\.bias_gain', 0.01, 'the learning rate multiplier 0.01 in its mapping'),
    (r'synthesis\.b\d+\.architecture', 'skip', 'the skip architecture'),
    (r'synthesis\.b\d+\.conv\d\.activation', 'lrelu', 'leaky ReLUs'),
)
_CLAMP = re.compile(r'synthesis\.b\d+\.(conv\d|torgb)\.conv_clamp')


def convert_nvidia(source: Mapping) -> Conversion:
    """Convert a generator's state dict.

    Args:
        source (Mapping): Tensors ``mapping.fc<i>.*``, ``mapping.w_avg``,
            ``synthesis.b<size>.{const,conv0,conv1,torgb}…`` by name, and where they are known the
            settings of the modules, such as ``synthesis.b4.architecture``.

    Returns:
        Conversion: A generator in mmgen's naming, emitting BGR.

    Raises:
        ValueError: A tensor is missing, unknown or of another shape, or a setting is one that
            mmgen's generator does not have.
    """
    _check_settings(source)
    ledger, builder = Ledger(source), StyleGAN2Builder()
    take = ledger.take
    for i in ledger.numbers('mapping.fc{}.weight'):
        builder.mapping(i, take(f'mapping.fc{i}.weight'), take(f'mapping.fc{i}.bias'))
    ledger.leave('mapping.w_avg', 'the mean w, which is measured anew from the mapping network')
    builder.constant(take('synthesis.b4.const', 3))
    k = 2
    while f'synthesis.b{2**k}.conv1.weight' in source:
        block = f'synthesis.b{2**k}'
        for i, name in ((2 * k - 5, f'{block}.conv0'), (2 * k - 4, f'{block}.conv1')):
            if i < 0:  # the 4×4 block has no conv0
                continue
            builder.convolution(
                i,
                take(f'{name}.weight', 4),
                take(f'{name}.affine.weight'),
                take(f'{name}.affine.bias'),
                take(f'{name}.bias'),
                take(f'{name}.noise_strength'),
                take(f'{name}.noise_const', 2),
                4 * take(f'{name}.resample_filter', 2) if i % 2 == 1 else None,
            )
        builder.rgb(
            k - 2,
            take(f'{block}.torgb.weight', 4),
            take(f'{block}.torgb.affine.weight'),
            take(f'{block}.torgb.affine.bias'),
            take(f'{block}.torgb.bias'),
            4 * take(f'{block}.resample_filter', 2) if k > 2 else None,
        )
        unused = 'a filter that this layer does not apply'
        ledger.leave(f'{block}.conv1.resample_filter', unused)
        if k == 2:
            ledger.leave(f'{block}.resample_filter', unused)
        k += 1
    conversion = builder.finish(ledger)
    clamps = [v for k, v in source.items() if _CLAMP.fullmatch(k) and isinstance(v, (int, float))]
    if not clamps:
        return conversion
    facts = {**conversion.facts, 'source_clamp': str(min(clamps))}
    return dataclasses.replace(conversion, facts=facts)


def _check_settings(source: Mapping) -> None:
    for pattern, wanted, meaning in _FIXED:
        for name, value in source.items():
            if re.fullmatch(pattern, name) and value != wanted:
                raise ValueError(
                    f"mmgen's generator has {meaning} ({name}={wanted!r}), but this one has "
                    f'{value!r}.'
                )
