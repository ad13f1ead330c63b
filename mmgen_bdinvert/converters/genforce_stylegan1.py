# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""StyleGAN1 generators of GenForce, which are official weights of Karras et al."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from .conversion import Conversion, Ledger
from .generator_layout import generator_conversion

__all__ = ['STYLEGAN1_CONSTANT', 'convert_genforce_stylegan1']

STYLEGAN1_CONSTANT = 'synthesis.layer0.const'
_ROOT2 = 2**0.5  # what GenForce scales weights by in the mapping, and mmgen all others
_FUSED = 128  # pixels from which on kernels of up-sampling layers are those of transposed ones


def convert_genforce_stylegan1(source: Mapping) -> Conversion:
    """Convert ``mapping.dense<i>.*``, ``synthesis.layer<i>.*`` and ``synthesis.output<i>.*``.

    Raises:
        ValueError: A tensor is missing, unknown or of another shape, or the generator is not fully
            grown.
    """
    ledger, made = Ledger(source), {}
    take = ledger.take
    for i in ledger.numbers('mapping.dense{}.weight'.format):
        made[f'style_mapping.{i + 1}.linear.weight_orig'] = (
            take(f'mapping.dense{i}.weight') * _ROOT2
        )
        made[f'style_mapping.{i + 1}.bias'] = take(f'mapping.dense{i}.bias')
    made['convs.0.conv1.input'] = take(STYLEGAN1_CONSTANT, 4)
    for i in ledger.numbers('synthesis.layer{}.bias'.format):
        name, half = f'synthesis.layer{i}', i % 2 + 1
        block, size = f'convs.{i // 2}', 4 * 2 ** (i // 2)
        bias, conv = take(f'{name}.bias'), f'{block}.conv{half}'
        if i:
            weight = take(f'{name}.weight', 4)
            conv = f'{conv}.0.conv' if half == 1 else f'{conv}.conv'
            flipped = half == 1 and size >= _FUSED
            made[f'{conv}.weight_orig'] = weight.flip(2, 3) if flipped else weight
            made[f'{conv}.bias'] = torch.zeros_like(bias)
            if half == 1:
                made[f'{block}.conv1.1.kernel'] = take(f'{name}.blur.kernel', 4)[0, 0].flip(0, 1)
        noise = f'{block}.noise_injector{half}'
        made[f'{noise}.weight'] = take(f'{name}.apply_noise.weight', 1)[None, :, None, None]
        made[f'{noise}.bias'] = bias[None, :, None, None]
        made[f'injected_noise_{i}'] = take(f'{name}.apply_noise.noise', 4)
        style, affine = take(f'{name}.style.bias'), f'{block}.adain{half}.affine'
        made[f'{affine}.weight_orig'] = take(f'{name}.style.weight') / _ROOT2
        starts = torch.arange(len(style)) < len(style) // 2  # the scales, which start from 1
        made[f'{affine}.bias'] = style + starts
    for i in ledger.numbers('synthesis.output{}.weight'.format):
        name, ours = f'synthesis.output{i}', f'to_rgbs.{i}.conv'
        made[f'{ours}.weight_orig'] = take(f'{name}.weight', 4).flip(0) / _ROOT2  # RGB to BGR
        made[f'{ours}.bias'] = take(f'{name}.bias').flip(0)
    ledger.leave('truncation.w_avg', 'the mean w, which is measured anew from the mapping network')
    lod = source.get('synthesis.lod')
    if lod is not None and lod.item() != 0:
        raise ValueError(f'it is not fully grown: its level of detail is {lod.item():g}, not 0.')
    ledger.leave('synthesis.lod', 'how far it has grown, which is fully')
    return generator_conversion(made, ledger, source_order='rgb')
