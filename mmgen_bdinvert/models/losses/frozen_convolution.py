# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Convolutions of a frozen network, on a CPU.

Weights in bfloat16 serve a backward pass after a float32 forward pass, too; large ones are made
once.

The gradient of the image has three channels, and a CPU computes sixteen at a time. So four
neighbouring pixels of it are made twelve channels of one convolution with stride 2, by a kernel
that is one larger and has zeros at its edges: a third of the time for AlexNet's 11×11, and three
fifths for VGG's 3×3.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..generators.derived import Derived, Quickened, input_gradient
from ..precision import gradient_dtype, synthesis_dtype

__all__ = [
    'FirstConv2d',
    'FrozenConv2d',
    'frozen_conv2d',
    'quicken_convolutions',
]


def quicken_convolutions(network: nn.Module) -> None:
    """Change the convolutions of a frozen network that have stride 1, in place."""
    for module in network.modules():
        if type(module) is nn.Conv2d:
            plain = module.stride == module.dilation == (1, 1) and module.groups == 1
            square = len(set(module.kernel_size)) == 1 and module.padding_mode == 'zeros'
            if plain and square and not isinstance(module.padding, str):
                module.__class__ = FirstConv2d if module.in_channels <= 4 else FrozenConv2d
                if type(module) is FrozenConv2d:
                    module.cast_weight = Derived(module.compute_weight)


class FrozenConv2d(Quickened, nn.Conv2d):
    """A convolution with stride 1 and frozen weights."""

    def forward(self, input: Tensor) -> Tensor:
        """Convolve maps (n, c, h, w)."""
        dtype = synthesis_dtype(input)
        if input.device.type != 'cpu' or gradient_dtype(dtype) == self.weight.dtype:
            return super().forward(input)
        half = self.cast_weight([self.weight], gradient_dtype(dtype))
        bias = None if self.bias is None else self.bias.to(dtype)
        weight = half if dtype == half.dtype else self.weight
        return frozen_conv2d(input.to(dtype), weight, bias, self.padding, half)

    def compute_weight(self, dtype: torch.dtype) -> Tensor:
        """Return the weight in another dtype."""
        return self.weight.to(dtype)


class FirstConv2d(Quickened, nn.Conv2d):
    """A convolution with few input channels, stride 1 and frozen weights."""

    def forward(self, input: Tensor) -> Tensor:
        """Convolve images (n, c, H, W)."""
        if input.device.type != 'cpu' or input.shape[2] % 2 or input.shape[3] % 2:
            return super().forward(input)
        dtype = synthesis_dtype(input)
        bias = None if self.bias is None else self.bias.to(dtype)
        weight = self.weight.to(dtype)
        half = self.weight.to(gradient_dtype(dtype))
        return _FirstConvolution.apply(input.to(dtype), weight, bias, self.padding, half)


def frozen_conv2d(
    maps: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int], half: Tensor
) -> Tensor:
    """Convolve maps (n, c, h, w) with a frozen weight (O, c, k, k) and bias (O,), all of one dtype.

    ``half`` is the weight in the dtype of the backward pass.
    """
    with torch.autocast(maps.device.type, enabled=False):
        if half.dtype == weight.dtype:
            return F.conv2d(maps, weight, bias, padding=padding)
        return _Convolution.apply(maps, weight, bias, padding, half)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx, maps, weight, bias, padding, half):
        ctx.save_for_backward(half)
        ctx.padding, ctx.shape, ctx.dtype = padding, maps.shape, maps.dtype
        return F.conv2d(maps, weight, bias, padding=padding)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        (half,) = ctx.saved_tensors
        grad = grad.to(half.dtype)
        with torch.autocast(grad.device.type, enabled=False):
            result = input_gradient(grad, half, ctx.shape, ctx.padding)
        return result.to(ctx.dtype), None, None, None, None


class _FirstConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx, images, weight, bias, padding, half):
        ctx.save_for_backward(half)
        ctx.padding, ctx.dtype = padding, images.dtype
        with torch.autocast('cpu', enabled=False):
            return F.conv2d(images, weight, bias, padding=padding)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        (half,) = ctx.saved_tensors
        padding = [half.shape[-1] - 1 - side for side in ctx.padding]
        with torch.autocast('cpu', enabled=False):
            blocks = F.conv2d(grad.to(half.dtype), _block_weight(half), stride=2, padding=padding)
        return F.pixel_shuffle(blocks, 2).to(ctx.dtype), None, None, None, None


def _block_weight(weight: Tensor) -> Tensor:
    """Turn a weight (O, c, k, k) into that of the gradient of 2×2 pixels: (4c, O, k + 1, k + 1).

    Channel 4i + 2a + b belongs to channel i of the pixel in row a and column b.
    """
    flipped = weight.flip(2, 3).transpose(0, 1)  # [cOkk]
    shifted = [F.pad(flipped, (b, 1 - b, a, 1 - a)) for a in (0, 1) for b in (0, 1)]
    blocks = torch.stack(shifted, 1).flatten(0, 1)  # [(4c)O(k + 1)(k + 1)]
    return blocks.contiguous(memory_format=torch.channels_last)
