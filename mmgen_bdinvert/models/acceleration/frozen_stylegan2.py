# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Frozen StyleGAN2: value and gradient at 256×256 take 1.88 s, not 3.00, and bfloat16 1.01.

Without it, time is lost, ``amp`` leaves the generator in float32, and ``checkpointing`` saves no
memory in it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from mmgen.models.architectures.stylegan.modules.styleganv2_modules import (
    ModulatedConv2d,
    ModulatedStyleConv,
    ModulatedToRGB,
)
from torch import Tensor, nn

from ..derived import Derived
from .frozen_convolution import (
    Convolution,
    DepthwiseConvolution,
    UpConvolution,
    WinogradConvolution,
)
from .frozen_modules import effective_weight, frozen_tensors, run
from .precision import gradient_dtype
from .scaled_modulation import ScaledModulatedConv2d
from .styled_convolution import StyledLayer, styled_convolution

__all__ = ['FrozenStyleGAN2', 'depthwise_weight']


def _supported(layer: nn.Module) -> bool:
    """Tell whether a layer of mmgen is of a kind that is implemented here, in full precision."""
    convolution = getattr(layer, 'conv', None)
    if type(convolution) not in (ModulatedConv2d, ScaledModulatedConv2d) or layer.fp16_enabled:
        return False
    if convolution.style_modulation.with_activation or convolution.style_modulation.bias is None:
        return False
    if type(layer) is ModulatedToRGB:
        return convolution.kernel_size == 1 and not convolution.demodulate
    if type(layer) is not ModulatedStyleConv or not convolution.demodulate:
        return False
    even = not convolution.upsample or convolution.blur.pad[0] == convolution.blur.pad[1]
    return convolution.kernel_size == 3 and convolution.padding == 1 and even


def _affine(convolution: ModulatedConv2d) -> Callable[[Tensor], Tensor]:
    """Return the function from style vectors (n, D) to styles (n, I), float32 or better."""
    layer = convolution.style_modulation
    bias = layer.bias * layer.lr_mul + convolution.style_bias
    return functools.partial(F.linear, weight=effective_weight(layer.linear), bias=bias)


def depthwise_weight(kernel: Tensor, channels: int) -> Tensor:
    """Turn an FIR kernel (k, k) into the depthwise weight (C, 1, k, k) that convolves with it."""
    return kernel.flip(0, 1).expand(channels, 1, *kernel.shape).contiguous()


class _FrozenStyleConv:
    """A ``ModulatedStyleConv`` of mmgen, cheaper."""

    def __init__(self, layer: ModulatedStyleConv):
        self.layer = layer
        self._constants = Derived(self._compute)

    def __call__(
        self,
        tensors: Sequence[Tensor],
        x: Tensor,
        w: Tensor,
        noise: Tensor,
        gradient: torch.dtype,
        save_memory: bool,
    ) -> Tensor:
        """Return the feature map (n, O, H, W) of x (n, I, h, w), style w (n, D) and a noise map."""
        convolution = self.layer.conv
        winograd = (
            not (convolution.upsample or save_memory)  # its weights take memory
            and WinogradConvolution.pays(x, convolution.weight[0])
        )
        affine, energy, strength, layer = self._constants(tensors, x.dtype, gradient, winograd)
        style = affine(w)  # [NI]
        scale = self.layer.activate.scale  # LeakyReLU(s · x) = s · LeakyReLU(x)
        gain = scale * torch.rsqrt(F.linear(style.square(), energy) + convolution.eps)  # [NO]
        noise = (strength * noise).to(x.dtype)
        return styled_convolution(x, style, gain, noise, layer, save_memory)

    def _compute(self, dtype: torch.dtype, gradient: torch.dtype, winograd: bool) -> tuple:
        layer = self.layer
        weight = effective_weight(layer.conv)[0]  # [OI33]
        energy = weight.square().sum((2, 3))  # [OI]
        constants = self._convolution(weight.to(dtype), winograd)
        if gradient != dtype:
            constants = replace(constants, backward=self._convolution(weight.to(gradient), False))
        strength = layer.activate.scale * layer.noise_injector.weight
        return _affine(layer.conv), energy, strength, constants

    def _convolution(self, weight: Tensor, winograd: bool) -> StyledLayer:
        layer = self.layer
        bias, slope = layer.activate.scale * layer.activate.bias, layer.activate.negative_slope
        if not layer.conv.upsample:
            kind = WinogradConvolution if winograd else Convolution
            return StyledLayer(kind(weight), bias, slope)
        up = UpConvolution(weight.transpose(0, 1), (0, 0))
        fir = depthwise_weight(layer.conv.blur.kernel, len(weight)).to(weight.dtype)
        return StyledLayer(up, bias, slope, DepthwiseConvolution(fir, layer.conv.blur.pad))


class _FrozenToRGB:
    """A ``ModulatedToRGB`` of mmgen, cheaper."""

    def __init__(self, layer: ModulatedToRGB):
        self.layer = layer
        self._constants = Derived(self._compute)

    def __call__(
        self, tensors: Sequence[Tensor], x: Tensor, w: Tensor, skip: Tensor | None
    ) -> Tensor:
        """Return the colours of x (n, C, h, w) plus the skip (n, 3, h / 2, w / 2), up-sampled."""
        affine, weight, bias, blur = self._constants(tensors)
        rows = (affine(w)[:, None] * weight).to(x.dtype)  # [N3C]
        pixels = x.permute(0, 2, 3, 1).flatten(1, 2)  # [NPC]
        image = _matmul(pixels, rows.transpose(1, 2)).to(w.dtype) + bias  # [NP3]
        image = image.view(len(x), *x.shape[2:], 3).permute(0, 3, 1, 2)  # [N3HW]
        if skip is None:
            return image
        before = blur.shape[-1] - 1 - self.layer.upsample.pad[0]
        up = F.conv_transpose2d(skip, blur, stride=2, groups=3)
        height, width = x.shape[2:]
        return image + up[..., before : before + height, before : before + width]

    def _compute(self) -> tuple:
        layer = self.layer
        weight = effective_weight(layer.conv)[0, :, :, 0, 0]  # [3C]
        blur = None
        if hasattr(layer, 'upsample'):
            # Up-sampling is a transposed convolution: no products with the zeros between pixels.
            blur = layer.upsample.kernel.expand(3, 1, -1, -1).contiguous()
        return _affine(layer.conv), weight, layer.bias.flatten(), blur


class FrozenStyleGAN2:
    """The synthesis of mmgen's StyleGAN2, from any layer on, as long as its weights are frozen.

    Layer 0 is ``conv1``, layer l is ``convs[l - 1]``; each has style vector l and noise l. After
    every second one its colours are added, with style vector l + 1.
    """

    def __init__(self, generator: nn.Module):
        layers = [generator.conv1, *generator.convs]
        colours = [generator.to_rgb1, *generator.to_rgbs]
        self._generator = generator
        self._supported = all(map(_supported, layers + colours))
        self._layers = [_FrozenStyleConv(layer) for layer in layers]
        self._colours = [_FrozenToRGB(layer) for layer in colours]

    def __call__(
        self,
        x: Tensor,
        styles: Tensor,
        first: int,
        dtype: torch.dtype,
        *,
        noise: Sequence[Tensor] | None = None,
        checkpointing: bool = False,
        skip: Tensor | None = None,
    ) -> Tensor | None:
        """Return images (n, 3, H, W) in the dtype of the style vectors.

        None, so that mmgen's own modules must render, if a layer is of an unknown kind, trained, or
        watched by a forward hook.

        Args:
            x (Tensor): Input of layer ``first``, an even one: (n, I, h, w).
            styles (Tensor): Style vectors from ``first`` on: (n, N - first, D), float32 or better.
            first (int): The first layer that is computed.
            dtype (torch.dtype): That of feature maps.
            noise (Sequence[Tensor] | None): Noise maps (n or 1, 1, h, h) of all layers from 0 on.
                Defaults to the generator's fixed buffers.
            checkpointing (bool): Whether the backward pass computes feature maps again, of one
                size at a time. Defaults to False.
            skip (Tensor | None): Image (n, 3, h / 2, w / 2) of earlier layers. Defaults to None.
        """
        used: list[_FrozenStyleConv | _FrozenToRGB]
        used = [*self._layers[first:], *self._colours[first // 2 :]]
        tensors = {part: frozen_tensors(part.layer) for part in used}
        if not self._supported or None in tensors.values():
            return None
        if noise is None:
            count = len(self._layers)
            noise = [getattr(self._generator, f'injected_noise_{i}') for i in range(count)]
        gradient = gradient_dtype(dtype)

        def add_size(x: Tensor, image: Tensor | None, layers: range) -> tuple[Tensor, Tensor]:
            """Compute the layers of one size, and the image so far."""
            for i in layers:
                layer, w = self._layers[i], styles[:, i - first]
                x = layer(tensors[layer], x, w, noise[i], gradient, checkpointing)
            colours, w = self._colours[layers[-1] // 2], styles[:, layers[-1] + 1 - first]
            return x, colours(tensors[colours], x, w, image)

        x = x.to(dtype).contiguous(memory_format=torch.channels_last)
        image = None if skip is None else skip.to(styles.dtype)
        for last in range(first, len(self._layers), 2):  # layers of one size end with an even one
            layers = range(max(first, last - 1), last + 1)
            x, image = run(add_size, x, image, layers, checkpointing=checkpointing)
        return image


def _matmul(a: Tensor, b: Tensor) -> Tensor:
    """Multiply (n, P, C) and (n, C, 3) one by one.

    For so few columns MKL is slow at batches, and so is cuBLAS at the gradient, whose inner
    dimension is P: that was two thirds of a step at 1024×1024 with four images.
    """
    if len(a) == 1:
        return (a.squeeze(0) @ b.squeeze(0))[None]  # the gradient of a stack is a copy
    return torch.stack([one @ other for one, other in zip(a, b)])
