# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Convolutions of images: gradients take 28 ms, not 87 (11×11); without them, only time is lost.

They are those of a frozen network on a CPU. The gradient of the image has three channels, and a CPU
computes sixteen at a time. So four neighbouring pixels of it are made twelve channels of one
convolution with stride 2, by a kernel that is one larger and has zeros at its edges: a third of the
time for AlexNet's 11×11, and three fifths for VGG's 3×3.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..derived import Derived
from .constant_convolution import Convolution, WinogradConvolution, frozen_convolution
from .frozen_modules import Accelerated
from .precision import gradient_dtype, synthesis_dtype
from .switch import enabled

__all__ = [
    'FirstConv2d',
    'FrozenConv2d',
    'accelerate_convolutions',
]


def accelerate_convolutions(network: nn.Module) -> None:
    """Change the convolutions of a frozen network that have stride 1, in place."""
    for module in network.modules():
        if type(module) is nn.Conv2d:
            plain = module.stride == module.dilation == (1, 1) and module.groups == 1
            square = len(set(module.kernel_size)) == 1 and module.padding_mode == 'zeros'
            if plain and square and not isinstance(module.padding, str):
                module.__class__ = FirstConv2d if module.in_channels <= 4 else FrozenConv2d
                if type(module) is FrozenConv2d:
                    module.convolution = Derived(module.compute_convolution)


class FrozenConv2d(Accelerated, nn.Conv2d):
    """A convolution with stride 1 and frozen weights."""

    def forward(self, input: Tensor) -> Tensor:
        """Convolve maps (n, c, h, w); on a CPU differentiable once."""
        frozen = not any(p.requires_grad for p in self.parameters())
        plain = input.device.type != 'cpu' or not frozen or not enabled()
        if plain or input.ndim != 4 or not input.numel():
            return super().forward(input)
        dtype = synthesis_dtype(input)
        input, gradient = input.to(dtype), gradient_dtype(dtype)
        winograd = self.padding == (1, 1) and WinogradConvolution.pays(input, self.weight)
        forward = self.convolution([self.weight], dtype, winograd)
        backward = self.convolution([self.weight], gradient, winograd and gradient == dtype)
        bias = None if self.bias is None else self.bias.to(dtype)
        return frozen_convolution(input, forward, backward, bias)

    def compute_convolution(
        self, dtype: torch.dtype, winograd: bool
    ) -> Convolution | WinogradConvolution:
        """Return what the module does, in a dtype."""
        weight = self.weight.to(dtype)
        return WinogradConvolution(weight) if winograd else Convolution(weight, self.padding)


class FirstConv2d(Accelerated, nn.Conv2d):
    """A convolution with few input channels, stride 1 and frozen weights."""

    def forward(self, input: Tensor) -> Tensor:
        """Convolve images (n, c, H, W)."""
        even = input.shape[2] % 2 == input.shape[3] % 2 == 0
        if input.device.type != 'cpu' or not even or not enabled():
            return super().forward(input)
        dtype = synthesis_dtype(input)
        bias = None if self.bias is None else self.bias.to(dtype)
        weight = self.weight.to(dtype)
        backward_weight = self.weight.to(gradient_dtype(dtype))
        return _FirstConvolution.apply(input.to(dtype), weight, bias, self.padding, backward_weight)


class _FirstConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx, images, weight, bias, padding, backward_weight):
        ctx.save_for_backward(backward_weight)
        ctx.padding, ctx.dtype = padding, images.dtype
        with torch.autocast('cpu', enabled=False):
            return F.conv2d(images, weight, bias, padding=padding)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        (backward_weight,) = ctx.saved_tensors
        padding = [backward_weight.shape[-1] - 1 - side for side in ctx.padding]
        with torch.autocast('cpu', enabled=False):
            blocks = F.conv2d(
                grad.to(backward_weight.dtype),
                _block_weight(backward_weight),
                stride=2,
                padding=padding,
            )
        return F.pixel_shuffle(blocks, 2).to(ctx.dtype), None, None, None, None


def _block_weight(weight: Tensor) -> Tensor:
    """Turn a weight (O, c, k, k) into that of the gradient of 2×2 pixels: (4c, O, k + 1, k + 1).

    Channel 4i + 2a + b belongs to channel i of the pixel in row a and column b.
    """
    flipped = weight.flip(2, 3).transpose(0, 1)  # [cOkk]
    shifted = [F.pad(flipped, (b, 1 - b, a, 1 - a)) for a in (0, 1) for b in (0, 1)]
    blocks = torch.stack(shifted, 1).flatten(0, 1)  # [(4c)O(k + 1)(k + 1)]
    return blocks.contiguous(memory_format=torch.channels_last)
