# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Convolutions of images: gradients take 28 ms, not 87 (11×11); without them, only time is lost.

The convolutions of a frozen network on a CPU become frozen ones. Those of images gain most, see
``ImageConvolution``: a gradient takes a third of the time for AlexNet's 11×11, three fifths for
VGG's 3×3.
"""

from __future__ import annotations

from torch import Tensor, nn

from ..derived import Derived
from .frozen_convolution import (
    Convolution,
    ImageConvolution,
    WinogradConvolution,
    frozen_convolution,
)
from .frozen_modules import Accelerated
from .precision import gradient_dtype, synthesis_dtype
from .switch import enabled

__all__ = ['FrozenConv2d', 'accelerate_convolutions']


def accelerate_convolutions(network: nn.Module) -> None:
    """Change the convolutions of a frozen network that have stride 1, in place."""
    for module in network.modules():
        if type(module) is nn.Conv2d:
            plain = module.stride == module.dilation == (1, 1) and module.groups == 1
            square = len(set(module.kernel_size)) == 1 and module.padding_mode == 'zeros'
            if plain and square and not isinstance(module.padding, str):
                module.__class__ = FrozenConv2d
                module.convolution = Derived(module.compute_convolution)


class FrozenConv2d(Accelerated, nn.Conv2d):
    """A convolution with stride 1 and frozen weights."""

    def forward(self, input: Tensor) -> Tensor:
        """Convolve maps (n, c, h, w); on a CPU differentiable once."""
        trained = any(p.requires_grad for p in self.parameters())
        if input.device.type != 'cpu' or trained or not enabled():
            return super().forward(input)
        odd = input.shape[-2] % 2 or input.shape[-1] % 2
        if input.ndim != 4 or not input.numel() or (self.of_images and odd):
            return super().forward(input)
        dtype = synthesis_dtype(input)
        input, gradient = input.to(dtype), gradient_dtype(dtype)
        winograd = self.padding == (1, 1) and WinogradConvolution.pays(input, self.weight)
        forward = self.convolution([self.weight], dtype, winograd)
        backward = self.convolution([self.weight], gradient, winograd and gradient == dtype)
        bias = None if self.bias is None else self.bias.to(dtype)
        return frozen_convolution(input, forward, backward, bias)

    @property
    def of_images(self) -> bool:
        """Whether the input has few channels, as images."""
        return self.in_channels <= 4

    def compute_convolution(self, dtype, winograd: bool) -> Convolution | WinogradConvolution:
        """Return the module as a frozen convolution in a dtype."""
        weight = self.weight.to(dtype)
        if winograd:
            return WinogradConvolution(weight)
        return (ImageConvolution if self.of_images else Convolution)(weight, self.padding)
