# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The layout of mmgen's generators: which config a set of weights belongs to, and does it fit."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping

import torch
from mmgen.registry import MODULES
from torch import Tensor

from ..models.state_dicts import fit_state
from .conversion import NOTHING, Conversion, Ledger

__all__ = ['StyleGAN2Builder', 'generator_config', 'generator_conversion']

_MAX_SIZE = 1024


def _standard_channels(family: int, multiplier: int) -> dict[int, int]:
    """Widths that mmgen's own classes have (Karras et al., 2019 and 2020)."""
    base = 16384 * (multiplier if family == 2 else 1)
    return {2**k: min(base // 2**k, 512) if k > 5 else 512 for k in range(2, 11)}


def _family(tensors: Mapping[str, Tensor]) -> int:
    if 'constant_input.input' in tensors:
        return 2
    if 'convs.0.conv1.input' in tensors:
        return 1
    raise ValueError('no constant input was found: this is neither a StyleGAN1 nor a StyleGAN2.')


def _channels(tensors: Mapping[str, Tensor], family: int) -> dict[int, int]:
    """Read the widths by resolution from the weights."""
    names = {
        1: [f'convs.{i}.conv2.conv.weight_orig' for i in range(16)],
        2: ['conv1.conv.weight_orig', *(f'convs.{2 * i}.conv.weight_orig' for i in range(16))],
    }[family]
    found = [tensors[name] for name in itertools.takewhile(tensors.__contains__, names)]
    # [OIkk] in StyleGAN1, [1OIkk] in StyleGAN2
    return {4 * 2**i: w.shape[-4] if w.ndim > 3 else 0 for i, w in enumerate(found)}


def generator_config(tensors: Mapping[str, Tensor]) -> dict:
    """Find the config of the mmgen generator that a state dict belongs to.

    Args:
        tensors (Mapping[str, Tensor]): Weights in mmgen's naming, without a prefix.

    Returns:
        dict: Config of ``StyleGANv1Generator`` or ``StyleGANv2Generator``, or of the ``Narrow…``
        class where the channel widths are not mmgen's.

    Raises:
        ValueError: The weights are of no such generator.
    """
    family = _family(tensors)
    channels = _channels(tensors, family)
    size = max(channels, default=0)
    if not 8 <= size <= _MAX_SIZE:
        raise ValueError(f'a generator makes 8 to {_MAX_SIZE} pixels, but its layers make {size}.')
    first = tensors.get('style_mapping.1.linear.weight_orig')
    if first is None or first.ndim != 2:
        raise ValueError('the first layer of the mapping network is not there.')
    num_mlps = sum(f'style_mapping.{i}.bias' in tensors for i in range(1, 65))
    config = dict(type=f'StyleGANv{family}Generator', out_size=size, style_channels=first.shape[1])
    if num_mlps != 8:
        config['num_mlps'] = num_mlps
    for multiplier in (2, 1):
        standard = _standard_channels(family, multiplier)
        if all(standard[s] == width for s, width in channels.items()):
            if family == 2 and multiplier != 2:
                config['channel_multiplier'] = multiplier
            return config
    return dict(config, type=f'NarrowStyleGANv{family}Generator', channels=channels)


def generator_conversion(
    tensors: Mapping[str, Tensor], ledger: Ledger, *, source_order: str
) -> Conversion:
    """Check a converted generator against mmgen's own class, and describe it.

    Args:
        tensors (Mapping[str, Tensor]): Weights in mmgen's naming, emitting BGR.
        ledger (Ledger): Where they came from.
        source_order (str): Channel order of the source, 'rgb' or 'bgr', for the record.

    Returns:
        Conversion: Of kind 'generator'.

    Raises:
        ValueError: A tensor of the source is left over, or the result fits no generator.
    """
    ledger.close()
    config = generator_config(tensors)
    with torch.random.fork_rng(devices=[]):
        wanted = MODULES.build(config).state_dict()
    tensors = fit_state(tensors, wanted, 'what it holds', f'a {config["type"]}', NOTHING)
    channels = _channels(tensors, _family(tensors))
    mean = ledger.stored_mean(config['style_channels'])
    if mean is not None:
        tensors = {**tensors, 'w_avg': mean}
    facts = {
        'generator': json.dumps(config),
        'resolution': str(config['out_size']),
        'style_channels': str(config['style_channels']),
        'channels': json.dumps(channels),
        'channel_order': 'bgr',
        'source_channel_order': source_order,
    }
    return Conversion(
        kind='generator',
        tensors=tensors,
        config=config,
        used=len(ledger.taken),
        facts=facts,
        set_aside=ledger.set_aside,
    )


def _with_rank(rank: int, tensor: Tensor) -> Tensor:
    """Put dimensions of size 1 in front until there are ``rank``."""
    return tensor[(None,) * (rank - tensor.ndim)] if tensor.ndim < rank else tensor


class StyleGAN2Builder:
    """Puts the parts of a StyleGAN2 generator that emits RGB into mmgen's naming, emitting BGR.

    mmgen keeps weights as they are trained, before the scaling of equalised learning rates
    (``1/sqrt(fan-in)``, and 0.01 in the mapping network), as every format read here does. Its
    up-sampling convolutions are transposed ones: a source whose kernels are those of a correlation
    over the zero-interleaved map has them flipped.
    """

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}

    def mapping(self, i: int, weight: Tensor, bias: Tensor) -> None:
        """Add layer ``i`` of the mapping network: weight (D, D), bias (D,)."""
        self.tensors[f'style_mapping.{i + 1}.linear.weight_orig'] = weight
        self.tensors[f'style_mapping.{i + 1}.bias'] = bias

    def constant(self, constant: Tensor) -> None:
        """Add the constant input, (C, 4, 4) or (1, C, 4, 4)."""
        self.tensors['constant_input.input'] = _with_rank(4, constant)

    def convolution(
        self,
        i: int,
        weight: Tensor,
        style_weight: Tensor,
        style_bias: Tensor,
        bias: Tensor,
        noise_strength: Tensor,
        noise: Tensor,
        blur: Tensor | None = None,
    ) -> None:
        """Add convolution ``i`` of the synthesis network; the odd ones up-sample.

        Args:
            i (int): 0 for the 4×4 block, 2k - 5 and 2k - 4 for the block of size 2^k.
            weight (Tensor): (O, I, 3, 3), with or without a leading 1.
            style_weight (Tensor): (I, D).
            style_bias (Tensor): (I,), the 1 that the style starts from included.
            bias (Tensor): (O,).
            noise_strength (Tensor): One number.
            noise (Tensor): The fixed noise, (h, w) or (1, 1, h, w).
            blur (Tensor | None): FIR kernel after up-sampling, of sum 4, (4, 4).
        """
        name = 'conv1' if i == 0 else f'convs.{i - 1}'
        self._modulated(f'{name}.conv', weight, style_weight, style_bias)
        self.tensors[f'{name}.noise_injector.weight'] = noise_strength.reshape(-1)
        self.tensors[f'{name}.activate.bias'] = bias
        self.tensors[f'injected_noise_{i}'] = _with_rank(4, noise)
        if blur is not None:
            self.tensors[f'{name}.conv.blur.kernel'] = blur

    def rgb(
        self,
        i: int,
        weight: Tensor,
        style_weight: Tensor,
        style_bias: Tensor,
        bias: Tensor,
        kernel: Tensor | None = None,
    ) -> None:
        """Add the RGB layer of the block of size 2^(i+2); weight and bias become BGR.

        Args:
            i (int): Number of the block.
            weight (Tensor): (3, I, 1, 1), with or without a leading 1, in RGB order.
            style_weight (Tensor): (I, D).
            style_bias (Tensor): (I,), the 1 that the style starts from included.
            bias (Tensor): 3 numbers, in RGB order.
            kernel (Tensor | None): FIR kernel that up-samples the skip, of sum 4, (4, 4).
        """
        name = 'to_rgb1' if i == 0 else f'to_rgbs.{i - 1}'
        self._modulated(f'{name}.conv', weight.flip(-4), style_weight, style_bias)
        self.tensors[f'{name}.bias'] = bias.reshape(1, -1, 1, 1).flip(1)
        if kernel is not None:
            self.tensors[f'{name}.upsample.kernel'] = kernel

    def finish(self, ledger: Ledger) -> Conversion:
        """Check the result; see :func:`generator_conversion`."""
        return generator_conversion(self.tensors, ledger, source_order='rgb')

    def _modulated(self, name: str, weight: Tensor, style_weight: Tensor, style_bias: Tensor):
        self.tensors[f'{name}.weight_orig'] = _with_rank(5, weight)  # [1OIkk]
        self.tensors[f'{name}.style_modulation.linear.weight_orig'] = style_weight
        self.tensors[f'{name}.style_modulation.bias'] = style_bias
