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

__all__ = ['convert_mmgen', 'generator_config', 'generator_conversion']

_MAX_SIZE = 1024
_STARTS = {'constant_input.input': 2, 'convs.0.conv1.input': 1}  # the constant, of each family


def _standard_channels(family: int, multiplier: int) -> dict[int, int]:
    """Widths that mmgen's own classes have (Karras et al., 2019 and 2020)."""
    base = 16384 * (multiplier if family == 2 else 1)
    return {2**k: min(base // 2**k, 512) if k > 5 else 512 for k in range(2, 11)}


def _family(tensors: Mapping[str, Tensor]) -> int:
    for name, family in _STARTS.items():
        if name in tensors:
            return family
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
    """Find the config of the mmgen generator that a state dict, without a prefix, belongs to.

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
    start = next(tensors[name] for name in _STARTS if name in tensors)
    if start.shape[-2] != start.shape[-1]:
        raise ValueError(
            f'its images are not square, as its constant input of {start.shape[-2]}×'
            f'{start.shape[-1]} shows, and only square ones are inverted here.'
        )
    if 'embed.linear.weight_orig' in tensors:
        raise ValueError('it is conditional: convert the file that it was made from, with --label.')
    first = tensors.get('style_mapping.1.linear.weight_orig')
    if first is None or first.ndim != 2:
        raise ValueError('the first layer of the mapping network is not there.')
    if first.shape[0] != first.shape[1]:
        raise ValueError(
            f'its mapping network takes {first.shape[1]} numbers, but w has {first.shape[0]}: it '
            f'is conditional, or has another z, and mmgen maps z to a w of its width.'
        )
    num_mlps = sum(f'style_mapping.{i}.bias' in tensors for i in range(1, 65))
    config = dict(type=f'StyleGANv{family}Generator', out_size=size, style_channels=first.shape[1])
    if num_mlps != 8:
        config['num_mlps'] = num_mlps
    if 'convs.0.noise_injector1.bias' in tensors:
        return dict(config, type='OfficialStyleGANv1Generator', channels=channels)
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
    """Check a converted generator, which emits BGR, against mmgen's own class, and describe it.

    Args:
        tensors (Mapping[str, Tensor]): Weights in mmgen's naming.
        ledger (Ledger): Where they came from.
        source_order (str): Channel order of the source, 'rgb' or 'bgr', for the record.

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


def convert_mmgen(source: Mapping[str, Tensor]) -> Conversion:
    """Take a generator under mmgen's own names as it is, without what is no weight."""
    ledger = Ledger(source)
    ledger.leave('steps', 'a counter of the averaging')
    ledger.leave('w_avg', 'the mean w, which is measured anew from the mapping network')
    names = [name for name in source if name not in ledger.set_aside]
    result = {name: ledger.take(name) for name in names}
    return generator_conversion(result, ledger, source_order='bgr')
