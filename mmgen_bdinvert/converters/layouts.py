# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""StyleGAN2 generators of other code bases: what they call their tensors, and how they store them.

All keep weights as they are trained, before the scaling of equalised learning rates, and emit RGB.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from .conversion import Conversion, Ledger
from .generator_layout import generator_conversion

__all__ = ['LAYOUTS', 'Layout', 'convert_stylegan2']

_MEAN = 'the mean w, which is measured anew from the mapping network'
_UNUSED = 'a filter that this layer does not apply'


@dataclass(frozen=True)
class Layout:
    """Names of tensors: of layer ``{i}``, ``{j}`` = i - 1, in the block of ``{size}`` pixels.

    Args:
        mapping (str): Layer of the mapping network.
        constant (str): The constant input.
        layers (tuple[str, str]): The first convolution, and the others; ``{up}`` is 0 for one that
            up-samples, else 1.
        rgbs (tuple[str, str]): The first RGB layer, and the others.
        noise (str): Fixed noise of ``{layer}``.
        weight, style, bias, rgb_bias, strength (str): What follows the name of a layer.
        blur, skip (str): FIR kernels of a convolution and of the RGB skip; '' where the file has
            none, which is (1, 3, 3, 1).
        rank (int): Dimensions of the weights of convolutions.
        gain (int): What makes the sum of a FIR kernel 4.
        unused (tuple[str, ...]): Patterns of tensors that the source does not use itself.
        flipped (bool): Whether kernels of up-sampling convolutions, and FIR kernels, are those of a
            correlation; mmgen's convolve.
        style_start (float): What the source adds to style biases.
    """

    mapping: str
    constant: str
    layers: tuple[str, str]
    rgbs: tuple[str, str]
    noise: str
    weight: str = '.weight'
    style: str = '.style'
    bias: str = '.bias'
    rgb_bias: str = '.bias'
    strength: str = '.noise_strength'
    blur: str = ''
    skip: str = ''
    rank: int = 4
    gain: int = 1
    unused: tuple[str, ...] = ()
    flipped: bool = False
    style_start: float = 0.0


LAYOUTS = {
    'genforce': Layout(
        mapping='mapping.dense{i}',
        constant='synthesis.early_layer.const',
        layers=('synthesis.layer{i}',) * 2,
        rgbs=('synthesis.output{i}',) * 2,
        noise='{layer}.noise',
        blur='{layer}.filter.kernel',
        skip='synthesis.upsample.kernel',
        flipped=True,
        style_start=1.0,
    ),
    'rosinality': Layout(
        mapping='style.{k}',  # style.0 normalises and has no weights
        constant='input.input',
        layers=('conv1', 'convs.{j}'),
        rgbs=('to_rgb1', 'to_rgbs.{j}'),
        noise='noises.noise_{i}',
        weight='.conv.weight',
        style='.conv.modulation',
        bias='.activate.bias',
        strength='.noise.weight',
        blur='{layer}.conv.blur.kernel',
        skip='{layer}.upsample.kernel',
        rank=5,
    ),
    'basicsr': Layout(
        mapping='style_mlp.{k}',
        constant='constant_input.weight',
        layers=('style_conv1', 'style_convs.{j}'),
        rgbs=('to_rgb1', 'to_rgbs.{j}'),
        noise='noises.noise{i}',
        weight='.modulated_conv.weight',
        style='.modulated_conv.modulation',
        bias='.activate.bias',
        strength='.weight',
        rank=5,
    ),
    'nvidia': Layout(
        mapping='mapping.fc{i}',
        constant='synthesis.b4.const',
        layers=('synthesis.b{size}.conv{up}',) * 2,
        rgbs=('synthesis.b{size}.torgb',) * 2,
        noise='{layer}.noise_const',
        style='.affine',
        blur='{layer}.resample_filter',
        skip='synthesis.b{size}.resample_filter',
        gain=4,
        unused=(r'synthesis\.b\d+\.conv1\.resample_filter', r'synthesis\.b4\.resample_filter'),
    ),
}
# Settings of NVIDIA's modules that mmgen's generator has built in, and what they mean.
_FIXED = (
    (r'img_channels', 3, 'three colour channels'),
    (r'mapping\.fc\d+\.activation', 'lrelu', 'leaky ReLUs'),
    (r'mapping\.fc\d+\.bias_gain', 0.01, 'the learning rate multiplier 0.01 in its mapping'),
    (r'synthesis\.b\d+\.architecture', 'skip', 'the skip architecture'),
    (r'synthesis\.b\d+\.conv\d\.activation', 'lrelu', 'leaky ReLUs'),
)
_CLAMP = re.compile(r'synthesis\.b\d+\.(conv\d|torgb)\.conv_clamp')


def convert_stylegan2(source: Mapping, layout: Layout, label: int | None = None) -> Conversion:
    """Convert a generator's state dict to mmgen's naming, emitting BGR.

    Of NVIDIA's modules, ``source`` has the settings too; of a conditional generator, the class
    ``label`` is taken.

    Raises:
        ValueError: A tensor is missing, unknown or of another shape, a setting is one that mmgen's
            generator does not have, or the label does not fit.
    """
    _check_settings(source)
    ledger, made = Ledger(source), dict[str, Tensor]()
    for i in ledger.numbers(lambda i: f'{layout.mapping.format(i=i, k=i + 1)}.weight'):
        name = layout.mapping.format(i=i, k=i + 1)
        pair = ledger.take(f'{name}.weight', 2), ledger.take(f'{name}.bias', 1)
        weight, bias = pair if i else _for_class(ledger, *pair, label, source.get('c_dim'))
        made[f'style_mapping.{i + 1}.linear.weight_orig'] = weight
        made[f'style_mapping.{i + 1}.bias'] = bias
    made['constant_input.input'] = _with_rank(4, ledger.take(layout.constant))
    names = [
        _layer(layout.layers, i)
        for i in ledger.numbers(lambda i: f'{_layer(layout.layers, i)}{layout.weight}')
    ]
    strengths = ledger.take_all(f'{name}{layout.strength}' for name in names)
    maps = ledger.take_all(layout.noise.format(layer=n, i=i) for i, n in enumerate(names))
    rng = torch.Generator().manual_seed(0)
    for i, name in enumerate(names):
        up, ours, size = i % 2 == 1, f'convs.{i - 1}' if i else 'conv1', _size(i)
        weight = _modulated(ledger, layout, name, f'{ours}.conv', made)
        made[f'{ours}.conv.weight_orig'] = weight.flip(3, 4) if up and layout.flipped else weight
        made[f'{ours}.activate.bias'] = ledger.take(f'{name}{layout.bias}')
        made[f'{ours}.noise_injector.weight'] = (strengths or {i: torch.zeros(1)})[i].reshape(-1)
        noise = maps[i] if maps else torch.randn(size, size, generator=rng)
        made[f'injected_noise_{i}'] = _with_rank(4, noise)
        if up:
            made[f'{ours}.conv.blur.kernel'] = _kernel(ledger, layout, layout.blur, name, i)
    for i in ledger.numbers(lambda i: f'{_layer(layout.rgbs, i, 2 * i)}{layout.weight}'):
        name, ours = _layer(layout.rgbs, i, 2 * i), f'to_rgbs.{i - 1}' if i else 'to_rgb1'
        weight = _modulated(ledger, layout, name, f'{ours}.conv', made)
        made[f'{ours}.conv.weight_orig'] = weight.flip(1)  # RGB to BGR
        made[f'{ours}.bias'] = ledger.take(f'{name}{layout.rgb_bias}').reshape(1, -1, 1, 1).flip(1)
        if i:
            made[f'{ours}.upsample.kernel'] = _kernel(ledger, layout, layout.skip, name, 2 * i)
    for name in source:
        if name in ('mapping.w_avg', 'truncation.w_avg'):
            ledger.leave(name, _MEAN)
        if any(re.fullmatch(pattern, name) for pattern in layout.unused):
            ledger.leave(name, _UNUSED)
    conversion = generator_conversion(made, ledger, source_order='rgb')
    facts = dict(conversion.facts)
    clamps = [v for k, v in source.items() if _CLAMP.fullmatch(k) and isinstance(v, (int, float))]
    if clamps:
        facts['source_clamp'] = str(min(clamps))
    if strengths and not maps:
        facts['noise_seed'] = '0'
    if label is None:
        return dataclasses.replace(conversion, facts=facts)
    facts['label'] = str(label)
    tensors = {name: value for name, value in conversion.tensors.items() if name != 'w_avg'}
    used = conversion.used - len(conversion.tensors) + len(tensors)
    aside = {**conversion.set_aside, 'mapping.w_avg': 'the mean w of all classes'}
    return dataclasses.replace(conversion, tensors=tensors, used=used, set_aside=aside, facts=facts)


def _size(i: int) -> int:
    """Return the side of what convolution ``i`` makes."""
    return 4 * 2 ** ((i + 1) // 2)


def _layer(names: tuple[str, str], number: int, i: int | None = None) -> str:
    """Return the name of convolution ``number``, or of the RGB layer after convolution ``i``."""
    i = number if i is None else i
    return names[number > 0].format(i=number, j=number - 1, size=_size(i), up=1 - i % 2)


def _with_rank(rank: int, tensor: Tensor) -> Tensor:
    """Put dimensions of size 1 in front until there are ``rank``."""
    return tensor[(None,) * (rank - tensor.ndim)] if tensor.ndim < rank else tensor


def _modulated(ledger: Ledger, layout: Layout, name: str, ours: str, made: dict) -> Tensor:
    """Rename the style of a convolution, and return its weight (1, O, I, k, k)."""
    style = f'{name}{layout.style}'
    made[f'{ours}.style_modulation.linear.weight_orig'] = ledger.take(f'{style}.weight')
    made[f'{ours}.style_modulation.bias'] = ledger.take(f'{style}.bias') + layout.style_start
    return _with_rank(5, ledger.take(f'{name}{layout.weight}', layout.rank))


def _kernel(ledger: Ledger, layout: Layout, pattern: str, layer: str, i: int) -> Tensor:
    """Return the FIR kernel of convolution ``i``, or of the RGB layer after it: its sum is 4."""
    if not pattern:
        row = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
        return row[:, None] * row
    kernel = ledger.take(pattern.format(layer=layer, size=_size(i)))
    kernel = layout.gain * kernel.reshape(kernel.shape[-2:])
    return kernel.flip(0, 1) if layout.flipped else kernel


def _for_class(
    ledger: Ledger, weight: Tensor, bias: Tensor, label: int | None, conditional: object
) -> tuple[Tensor, Tensor]:
    """Fold the embedding of a class into the mapping's first layer, which sees z and it."""
    if 'mapping.label_weight' in ledger:
        raise ValueError('it is conditional, and normalises z and class together: mmgen cannot.')
    if 'mapping.embed.weight' not in ledger and not conditional:
        if label is not None:
            raise ValueError(f'it has no classes that a label could choose, but got {label}.')
        return weight, bias
    embedding = ledger.take('mapping.embed.weight', 2)  # [Ec]
    width, classes = embedding.shape
    if label is None or not 0 <= label < classes:
        given = '' if label is None else f', but got {label}'
        raise ValueError(
            f'it is conditional, with {classes} classes: choose one with --label, 0 to '
            f'{classes - 1}{given}.'
        )
    chosen = embedding[:, label] / classes**0.5 + ledger.take('mapping.embed.bias', 1)
    chosen = chosen * (chosen.square().mean() + 1e-8).rsqrt()
    inputs = weight.shape[1]
    if inputs <= width:
        raise ValueError(f'its mapping takes {inputs} numbers, of which {width} are of the class.')
    rest = inputs - width
    bias = bias + weight[:, rest:] @ chosen / inputs**0.5
    return weight[:, :rest] * (rest / inputs) ** 0.5, bias


def _check_settings(source: Mapping) -> None:
    for pattern, wanted, meaning in _FIXED:
        for name, value in source.items():
            if re.fullmatch(pattern, name) and value != wanted:
                raise ValueError(
                    f"mmgen's generator has {meaning} ({name}={wanted!r}), but this one has "
                    f'{value!r}.'
                )
