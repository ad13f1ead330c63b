# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A layer of ``frozen_stylegan2``, which says what it buys.

It computes its value, and gradients of its inputs alone. As in ``scaled_modulation`` the input is
scaled by the style and the output by the demodulation. What follows the convolution is done in
place, and the backward pass needs nothing but input and output: the sign of the output gives the
slope of the activation, and its value the convolution's. On a GPU with Triton, all that surrounds
the convolution takes one pass (``layer_kernels``).
"""

from __future__ import annotations

import functools
import logging
import os
import shutil
from dataclasses import dataclass
from types import ModuleType

import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from torch import Tensor
from torch.autograd.function import once_differentiable

from .frozen_convolution import Convolution, DepthwiseConvolution, WinogradConvolution

__all__ = ['StyledLayer', 'per_channel', 'styled_convolution']

_ROWS = 128  # of a map that are multiplied, or overwritten, at a time


@dataclass(frozen=True)
class StyledLayer:
    """The constants of a layer; ``backward`` is the same in another dtype for the backward pass.

    The convolution is 3×3, from I to O channels, and an :class:`UpConvolution` with a FIR filter
    ``blur`` in an up-sampling layer; the bias is (O,), float32 or better. The activation has a
    ``slope`` above 0 for negative values.
    """

    convolution: Convolution | WinogradConvolution
    bias: Tensor
    slope: float
    blur: DepthwiseConvolution | None = None
    backward: StyledLayer | None = None


def styled_convolution(
    x: Tensor,
    style: Tensor,
    gain: Tensor,
    noise: Tensor,
    layer: StyledLayer,
    save_memory: bool = False,
) -> Tensor:
    """Compute ``LeakyReLU(gain · conv(style · x) + noise + bias)``.

    Args:
        x (Tensor): Feature map (n, I, h, w), in the dtype of the convolution.
        style (Tensor): Factors of its channels (n, I), float32 or better.
        gain (Tensor): Factors of the output's channels (n, O), not zero, float32 or better.
        noise (Tensor): Added to every channel: (n or 1, 1, H, W), in the dtype of ``x``.
        layer (StyledLayer): Weights, which get no gradient.
        save_memory (bool): Whether the backward pass may overwrite the result, which belongs to
            that pass alone under checkpointing. Defaults to False.
    """
    return _StyledConvolution.apply(x, style, gain, noise, layer, save_memory)


class _StyledConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, style, gain, noise, layer, save_memory):
        kernels, blur = _kernels(x), layer.blur
        with torch.autocast(x.device.type, enabled=False):
            y = x * per_channel(style, x) if kernels is None else kernels.scaled(x, style)[0]
            y = layer.convolution(y)
            if kernels is not None:
                fir = gain.new_ones(1, 1) if blur is None else blur.weight[0, 0].float()
                padding = 0 if blur is None else blur.padding[0]
                y = kernels.filtered(y, fir, padding, (gain, noise, layer.bias, layer.slope))
            else:
                y = y if blur is None else blur(y)
                y = y.mul_(per_channel(gain, y)).add_(noise)
                y = F.leaky_relu_(y.add_(per_channel(layer.bias[None], y)), layer.slope)
        ctx.layer, ctx.save_memory = layer, save_memory
        ctx.save_for_backward(x, style, gain, noise, y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        (x, style, gain, noise, y), layer = ctx.saved_tensors, ctx.layer
        grad_x = grad_style = grad_gain = grad_noise = None
        kernels = _kernels(x)
        with torch.autocast(x.device.type, enabled=False):
            if kernels is None:
                along = _total(grad, y) if ctx.needs_input_grad[2] else None  # [NO]
            if kernels is None and ctx.save_memory:
                activate = torch.ops.aten.leaky_relu_backward.grad_input
                g = activate(grad, y, layer.slope, True, grad_input=y)
            elif kernels is None or ctx.needs_input_grad[3]:
                g = torch.ops.aten.leaky_relu_backward(grad, y, layer.slope, True)
            if ctx.needs_input_grad[3]:
                grad_noise = g.sum(1, keepdim=True).sum_to_size(noise.shape)  # [N1HW]
            if kernels is not None:
                g, grad_gain = kernels.activation_gradient(
                    grad, y, gain, noise, layer.bias, layer.slope
                )
            else:
                if ctx.needs_input_grad[2]:
                    # Before the activation z = gain · c + noise + bias, and g · z = grad · y.
                    rest = along - _total(g, noise) - _total(g) * layer.bias
                    grad_gain = rest / gain  # [NO]
                del y  # frees what checkpointing computed again
                g = g.mul_(per_channel(gain, g))
            layer = layer.backward or layer
            g = g.to(layer.convolution.weight.dtype)
            if layer.blur is not None and kernels is None:
                g = layer.blur.input_gradient(g, g.shape)
            elif layer.blur is not None:
                fir = layer.blur.weight[0, 0].flip(0, 1).float()
                g = kernels.filtered(g, fir, len(fir) - 1 - layer.blur.padding[0])
            if ctx.save_memory and g.shape == x.shape and layer.blur is None and kernels is None:
                g = _overwritten_by_input_gradient(g, layer.convolution).to(x.dtype)
            else:
                g = layer.convolution.input_gradient(g, x.shape).to(x.dtype)
            if kernels is not None:
                grad_x, grad_style = kernels.scaled(g, style, x)
            else:
                if ctx.needs_input_grad[1]:
                    grad_style = _total(g, x).to(style.dtype)  # [NI]
                if ctx.needs_input_grad[0]:
                    grad_x = g.mul_(per_channel(style, g))
        return grad_x, grad_style, grad_gain, grad_noise, None, None


def _overwritten_by_input_gradient(
    grad: Tensor, convolution: Convolution | WinogradConvolution
) -> Tensor:
    """Overwrite the output gradient of a 3×3 convolution with its input gradient, in bands of rows.

    A band needs one more row on either side.
    """
    above = grad[:, :, :0]
    for top in range(0, grad.shape[2], _ROWS):
        rows = grad[:, :, top : top + _ROWS]
        part = torch.cat([above, grad[:, :, top : top + _ROWS + 1]], 2)
        above = rows[:, :, -1:].clone()
        found = convolution.input_gradient(part, part.shape)
        rows.copy_(found[:, :, min(top, 1) :][:, :, : rows.shape[2]])
    return grad


def _kernels(x: Tensor) -> ModuleType | None:
    """Return the Triton kernels, if they support a feature map."""
    if not x.is_cuda or x.dtype not in (torch.float32, torch.bfloat16):
        return None
    return _layer_kernels()


@functools.cache
def _layer_kernels() -> ModuleType | None:
    try:
        from . import layer_kernels
    except ImportError:  # Triton is not installed
        return None
    if not (os.environ.get('CC') or shutil.which('gcc') or shutil.which('clang')):
        text = 'Triton finds no C compiler, gcc or clang, to build kernels with: plain PyTorch '
        print_log(f'{text}is used on the GPU, which is slower.', 'current', level=logging.WARNING)
        return None
    return layer_kernels


def per_channel(values: Tensor, like: Tensor) -> Tensor:
    """Bring values (n, C) to the dtype and the axes of a feature map (n, C, h, w)."""
    return values.to(like.dtype)[:, :, None, None]  # [NC11]


def _total(x: Tensor, factor: Tensor | None = None) -> Tensor:
    """Sum each channel, times a factor map, in float32 or better.

    In bands of rows: the product of whole maps would need as much memory as a map.
    """
    dtype = torch.promote_types(x.dtype, torch.float32)
    if factor is None:
        return x.sum((2, 3), dtype=dtype)  # [NC]
    parts = zip(x.split(_ROWS, 2), factor.split(_ROWS, 2))
    return sum((a * b).sum((2, 3), dtype=dtype) for a, b in parts)  # [NC]
