# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The first convolution of a frozen network, with a gradient of the image that a CPU is good at.

The gradient has three channels, and a CPU computes sixteen at a time. So four neighbouring pixels
of it are made twelve channels of one convolution with stride 2, by a kernel that is one larger and
has zeros at its edges: a third of the time for AlexNet's 11×11, and three fifths for VGG's 3×3.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..generators.split import synthesis_dtype

__all__ = ['FirstConv2d', 'quicken_first_convolutions']


def quicken_first_convolutions(network: nn.Module) -> None:
    """Change those convolutions of a frozen network that look at images, in place."""
    for module in network.modules():
        if type(module) is nn.Conv2d and module.in_channels <= 4:
            square = len(set(module.kernel_size)) == 1 and module.padding_mode == 'zeros'
            plain = module.stride == module.dilation == (1, 1) and module.groups == 1
            if square and plain and not isinstance(module.padding, str):
                module.__class__ = FirstConv2d


class FirstConv2d(nn.Conv2d):
    """A convolution with few input channels, stride 1 and frozen weights."""

    def forward(self, input: Tensor) -> Tensor:
        """Convolve images (n, c, H, W)."""
        if input.device.type != 'cpu' or input.shape[2] % 2 or input.shape[3] % 2:
            return super().forward(input)
        dtype = synthesis_dtype(input)
        bias = None if self.bias is None else self.bias.to(dtype)
        weight = self.weight.to(dtype)
        return _FirstConvolution.apply(input.to(dtype), weight, bias, self.padding)


class _FirstConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx, images, weight, bias, padding):
        ctx.save_for_backward(weight)
        ctx.padding = padding
        with torch.autocast('cpu', enabled=False):
            return F.conv2d(images, weight, bias, padding=padding)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        (weight,) = ctx.saved_tensors
        padding = [weight.shape[-1] - 1 - side for side in ctx.padding]
        with torch.autocast('cpu', enabled=False):
            blocks = F.conv2d(grad, _block_weight(weight), stride=2, padding=padding)
        return F.pixel_shuffle(blocks, 2), None, None, None


def _block_weight(weight: Tensor) -> Tensor:
    """Turn a weight (O, c, k, k) into that of the gradient of 2×2 pixels: (4c, O, k + 1, k + 1).

    Channel 4i + 2a + b belongs to channel i of the pixel in row a and column b.
    """
    flipped = weight.flip(2, 3).transpose(0, 1)  # [cOkk]
    shifted = [F.pad(flipped, (b, 1 - b, a, 1 - a)) for a in (0, 1) for b in (0, 1)]
    blocks = torch.stack(shifted, 1).flatten(0, 1)  # [(4c)O(k + 1)(k + 1)]
    return blocks.contiguous(memory_format=torch.channels_last)
