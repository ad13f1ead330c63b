# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""ST-LPIPS's first convolution and blur as one: 22 ms, not 53; without it, only time is lost.

AlexNet's first convolution and the blur behind it, which keeps every second pixel, are both linear:
one convolution with stride 2 does both and computes nothing that is dropped. In blocks of 2×2
pixels it has stride 1 and twelve channels, which suits a CPU better than three. The blur mirrors
its input at the border: so its first row and column repeat the second ones, and the last ones have
kernels of their own.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..derived import Derived
from .frozen_convolution import Convolution, frozen_convolution
from .frozen_modules import Accelerated, frozen_tensors
from .image_convolution import FrozenConv2d
from .precision import gradient_dtype, synthesis_dtype
from .switch import enabled

__all__ = ['BlurredSequential', 'accelerate_blurs']


def accelerate_blurs(network: nn.Module) -> None:
    """Change the blurs of a frozen network of stlpips-pytorch in place, its convolutions before."""
    for module in network.modules():
        if type(module) is nn.Sequential and any(map(_is_blur, module)):
            module.__class__ = BlurredSequential
            module.kernels = Derived(module.compute_kernels)


def _is_blur(layer: nn.Module) -> bool:
    return type(layer).__name__ == 'Downsample' and 'filt' in layer._buffers


class BlurredSequential(Accelerated, nn.Sequential):
    """A sequence of layers with blurs."""

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layers to maps, or to images (n, c, H, W)."""
        if not enabled():
            return super().forward(input)
        layers = list(self)
        if input.device.type == 'cpu' and self._merges(input):
            input, layers = self._convolve_and_blur(input), layers[2:]
        for layer in layers:
            if _is_blur(layer) and input.dtype == torch.bfloat16 and input.device.type == 'cpu':
                # On a CPU the gradient in bfloat16 is very slow.
                with torch.autocast('cpu', enabled=False):
                    input = layer(input.float()).to(input.dtype)
            else:
                input = layer(input)
        return input

    def _merges(self, images: Tensor) -> bool:
        first, second = self[0], self[min(1, len(self) - 1)]
        return (
            type(first) is FrozenConv2d
            and first.of_images
            and _is_blur(second)
            and type(second.pad) is nn.ReflectionPad2d
            and (second.filt_size, second.stride, second.pad.padding) == (3, 2, (2, 2, 2, 2))
            and first.bias is not None
            and first.kernel_size[0] % 2 == 1
            and len(set(first.padding)) == 1
            and first.padding[0] % 2 == images.shape[2] % 2 == images.shape[3] % 2 == 0
            and frozen_tensors(first, second) is not None
        )

    def _convolve_and_blur(self, images: Tensor) -> Tensor:
        convolution, blur = self[0], self[1]
        dtype = synthesis_dtype(images)
        tensors = [convolution.weight, blur.filt]
        kernels = self.kernels(tensors, dtype), self.kernels(tensors, gradient_dtype(dtype))
        side, before = (convolution.kernel_size[0] + 3) // 2, convolution.padding[0] // 2
        blocks = F.pixel_unshuffle(images.to(dtype), 2)  # [N(4C)(H/2)(W/2)]
        blocks = F.pad(blocks, (before, before + 1) * 2)
        blocks = blocks.contiguous(memory_format=torch.channels_last)
        bias = convolution.bias.to(dtype)
        within, edge = slice(None, -1), slice(-side, None)
        parts = [
            frozen_convolution(blocks[:, :, rows, columns], kernel, backward, bias)
            for (rows, columns), kernel, backward in zip(
                [(within, within), (within, edge), (edge, within), (edge, edge)], *kernels
            )
        ]
        result = torch.cat([torch.cat(parts[:2], 3), torch.cat(parts[2:], 3)], 2)
        return F.pad(result, (1, 0, 1, 0), mode='replicate')

    @torch.autocast('cpu', enabled=False)
    def compute_kernels(self, dtype: torch.dtype) -> list[Convolution]:
        """Return the kernels of the inside, the last column, the last row and the corner.

        Their weights are (O, 4c, m, m) with m = (k + 3) / 2, without padding; channels are those of
        ``pixel_unshuffle``.
        """
        weight = self[0].weight  # [Ockk]
        taps = self[1].filt[0, 0].sum(1)  # [3], a sum of 1
        folded = torch.stack([taps[0] + taps[2], taps[1], torch.zeros_like(taps[2])])
        kernels = []
        for rows, columns in ((taps, taps), (taps, folded), (folded, taps), (folded, folded)):
            blur = torch.outer(rows, columns).flip(0, 1).to(weight)  # a convolution of kernels
            merged = F.conv2d(F.pad(weight.flatten(0, 1)[:, None], (2,) * 4), blur[None, None])
            merged = F.pad(merged.view(*weight.shape[:2], *merged.shape[2:]), (0, 1, 0, 1))
            kernels.append(Convolution(F.pixel_unshuffle(merged, 2).to(dtype), (0, 0)))
        return kernels
