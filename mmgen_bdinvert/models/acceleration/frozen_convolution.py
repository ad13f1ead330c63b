# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Frozen convolutions: a step at 256×256 takes 1.16 s, not 1.47; without them, only time is lost.

The gradient of a convolution with stride 1 is one too, with the kernel mirrored; torch's own
routine for it takes up to 1.8 times as long on a CPU.

A 3×3 convolution in float32 on a CPU takes half the arithmetic with Winograd's F(4, 3): four rows
of the result are sums of six products of kernels 1×3 with sums of six rows. (S. Winograd,
*Arithmetic Complexity of Computations*, 1980; A. Lavin and S. Gray, *Fast Algorithms for
Convolutional Neural Networks*, CVPR 2016. In both directions of the image it would be a quarter,
but its sums would take the time, and its rounding errors would be twice as large.)
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = [
    'Convolution',
    'DepthwiseConvolution',
    'ImageConvolution',
    'UpConvolution',
    'WinogradConvolution',
    'frozen_convolution',
]

# Winograd's algorithm is faster from here on: below, sums and calls take what it saves. A weight of
# more than twice a map's values is left out, too: its kernels would take more memory than the maps.
_LEAST_CHANNELS, _LEAST_VALUES = 64, 2**17


class Convolution:
    """A convolution with stride 1.

    Args:
        weight (Tensor): Shape (O, I, k, l); maps have its dtype.
        padding (Sequence[int]): Zeros around a map, of rows and of columns. Defaults to one each.
    """

    def __init__(self, weight: Tensor, padding: Sequence[int] = (1, 1)):
        self.weight = weight.detach().contiguous(memory_format=torch.channels_last)
        self.padding = tuple(padding)

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """Convolve maps (n, I, h, w); the bias has shape (O,)."""
        return F.conv2d(x, self.weight, bias, padding=self.padding)

    def input_gradient(self, grad: Tensor, shape: Sequence[int]) -> Tensor:
        """Turn the gradient of the result (n, O, H, W) into that of the input (n, I, h, w)."""
        padding = self._gradient_padding
        # Where the weight is larger than the map, a mirrored copy gains nothing and takes memory.
        larger = grad.shape[1:].numel() > self.weight.numel()
        if grad.device.type == 'cpu' and larger and min(padding) >= 0:
            return F.conv2d(grad, self._mirrored, padding=padding)
        like = grad.new_empty(shape)  # only its shape is looked at
        options = [1, 1], list(self.padding), [1, 1], False, [0, 0], 1, [True, False, False]
        return torch.ops.aten.convolution_backward(grad, like, self.weight, None, *options)[0]

    @property
    def _gradient_padding(self) -> list[int]:
        """Zeros around a gradient that a mirrored kernel convolves."""
        return [k - 1 - zeros for k, zeros in zip(self.weight.shape[2:], self.padding)]

    @functools.cached_property
    def _mirrored(self) -> Tensor:
        return _mirrored(self.weight)


class UpConvolution(Convolution):
    """A transposed convolution with stride 2; weight (I, O, k, l), the padding is cut off."""

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        return F.conv_transpose2d(x, self.weight, bias, stride=2, padding=self.padding)

    def input_gradient(self, grad: Tensor, shape: Sequence[int]) -> Tensor:
        return F.conv2d(grad, self.weight, stride=2, padding=self.padding)


class DepthwiseConvolution(Convolution):
    """A convolution with stride 1 of each channel on its own; weight (C, 1, k, l)."""

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        groups = len(self.weight)
        return F.conv2d(x, self.weight, bias, padding=self.padding, groups=groups)

    def input_gradient(self, grad: Tensor, shape: Sequence[int]) -> Tensor:
        weight = self.weight.flip(2, 3)
        return F.conv2d(grad, weight, padding=self._gradient_padding, groups=len(weight))


class ImageConvolution(Convolution):
    """A convolution of few channels with even sides, whose gradient is computed in 2×2 blocks.

    A CPU computes sixteen channels at a time, but an image's gradient has three. Four neighbouring
    pixels of it become twelve channels of one convolution with stride 2, by a kernel that is one
    larger and has zeros at its edges.
    """

    def input_gradient(self, grad: Tensor, shape: Sequence[int]) -> Tensor:
        blocks = F.conv2d(grad, self._block_weight, stride=2, padding=self._gradient_padding)
        return F.pixel_shuffle(blocks, 2)

    @functools.cached_property
    def _block_weight(self) -> Tensor:
        """The weight of the gradient of 2×2 pixels: (O, I, k, k) -> (4I, O, k + 1, k + 1)."""
        flipped = self.weight.flip(2, 3).transpose(0, 1)  # [IOkk]
        shifted = [F.pad(flipped, (b, 1 - b, a, 1 - a)) for a in (0, 1) for b in (0, 1)]
        blocks = torch.stack(shifted, 1).flatten(0, 1)  # channel 4i + 2a + b: row a, column b
        return blocks.contiguous(memory_format=torch.channels_last)


class WinogradConvolution:
    """A 3×3 convolution with stride 1 and one zero around maps, whose height divides by four.

    Args:
        weight (Tensor): Shape (O, I, 3, 3), float32 or better; maps have its dtype.
    """

    def __init__(self, weight: Tensor):
        self.weight = weight.detach()
        self._kernels = _winograd_kernels(weight)

    @staticmethod
    def pays(x: Tensor, weight: Tensor) -> bool:
        """Tell whether it can and does take less time than :class:`Convolution` with one zero."""
        channels, (height, width) = min(weight.shape[:2]), x.shape[2:]
        values = channels * height * width
        return (
            x.device.type == 'cpu'
            and x.dtype in (torch.float32, torch.float64)
            and weight.shape[2:] == (3, 3)
            and height % 4 == 0
            and channels >= _LEAST_CHANNELS
            and values >= _LEAST_VALUES
            and 2 * values >= weight.numel()
        )

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """Convolve maps (n, I, h, w), without autograd; the bias has shape (O,)."""
        return _winograd(x, self._kernels, bias)

    def input_gradient(self, grad: Tensor, shape: Sequence[int]) -> Tensor:
        """Turn the gradient of the result (n, O, h, w) into that of the input."""
        return _winograd(grad, self._gradient_kernels, None)

    @functools.cached_property
    def _gradient_kernels(self) -> tuple[Tensor, ...]:
        return _winograd_kernels(_mirrored(self.weight))


def frozen_convolution(
    x: Tensor,
    forward: Convolution | WinogradConvolution,
    backward: Convolution | WinogradConvolution,
    bias: Tensor | None = None,
) -> Tensor:
    """Convolve maps (n, I, h, w), differentiable once in them alone.

    Args:
        x (Tensor): In the dtype of ``forward``, as ``bias`` (O,).
        forward, backward (Convolution | WinogradConvolution): The convolution in the dtype of each
            pass.
    """
    return _FrozenConvolution.apply(x, forward, backward, bias)


class _FrozenConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, forward, backward, bias):
        ctx.convolution, ctx.shape, ctx.dtype = backward, x.shape, x.dtype
        ctx.save_for_backward(backward.weight)  # so that torch sees whether it was written to
        with torch.autocast(x.device.type, enabled=False):
            return forward(x, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        (weight,) = ctx.saved_tensors
        with torch.autocast(grad.device.type, enabled=False):
            grad = ctx.convolution.input_gradient(grad.to(weight.dtype), ctx.shape)
        return grad.to(ctx.dtype), None, None, None


def _mirrored(weight: Tensor) -> Tensor:
    """Return the weight of the gradient's convolution: (O, I, k, l) -> (I, O, k, l)."""
    return weight.flip(2, 3).transpose(0, 1).contiguous(memory_format=torch.channels_last)


# A polynomial whose coefficients are a kernel's three rows, at the points 0, 1, -1, 2, -2 and
# infinity, divided by the denominators of Lagrange's interpolation.
_POINTS = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
_STRIP = 2**21  # values of the rows that are convolved at a time: intermediate maps stay small


def _winograd_kernels(weight: Tensor) -> tuple[Tensor, ...]:
    """Return the kernels (O, I, 1, 3) of the six products."""
    points = torch.tensor(_POINTS, dtype=torch.float64, device=weight.device)
    kernels = torch.einsum('pr,oirc->poic', points, weight.to(torch.float64)).to(weight.dtype)
    return tuple(k[:, :, None].contiguous(memory_format=torch.channels_last) for k in kernels)


def _winograd(x: Tensor, kernels: Sequence[Tensor], bias: Tensor | None) -> Tensor:
    n, channels, height, width = x.shape
    if height % 4:
        raise ValueError(f'The height of a map must divide by four here, but got {height}.')
    out = torch.empty(
        (n, len(kernels[0]), height, width),
        dtype=x.dtype, device=x.device, memory_format=torch.channels_last,
    )  # fmt: skip
    rows = max(4, _STRIP // (n * channels * width) // 4 * 4)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        part = x[:, :, max(top - 1, 0) : bottom + 1]
        if top == 0 or bottom == height:
            part = F.pad(part, (0, 0, int(top == 0), int(bottom == height)))
        _winograd_strip(part, kernels, bias, out[:, :, top:bottom])
    return out


def _winograd_strip(x: Tensor, kernels: Sequence[Tensor], bias: Tensor | None, out: Tensor) -> None:
    """Convolve rows and one more on either side of them."""

    def product(index: int, rows: Tensor) -> Tensor:
        # The second one is part of every result, with a factor of 1.
        return F.conv2d(rows, kernels[index], bias if index == 1 else None, padding=(0, 1))

    stop = out.shape[2] - 3
    x0, x1, x2, x3, x4, x5 = (x[:, :, i : i + stop : 4] for i in range(6))
    first = product(0, torch.sub(x0, x2, alpha=1.25).mul_(4).add_(x4))
    last = product(5, torch.sub(x1, x3, alpha=1.25).mul_(4).add_(x5))
    even, odd = torch.sub(x4, x2, alpha=4), torch.sub(x3, x1, alpha=4)
    one, minus_one = product(1, even + odd), product(2, even.sub_(odd))
    even, odd = x4 - x2, x3 - x1
    two, minus_two = product(3, torch.add(even, odd, alpha=2)), product(4, even.sub_(odd, alpha=2))
    y0, y1, y2, y3 = (out[:, :, i::4] for i in range(4))
    odd, even = one - minus_one, one.add_(minus_one)
    odd2, even2 = two - minus_two, two.add_(minus_two)
    torch.add(even, even2, out=y0).add_(first)
    torch.add(odd, odd2, alpha=2, out=y1)
    torch.add(even, even2, alpha=4, out=y2)
    torch.add(odd, odd2, alpha=8, out=y3).add_(last)
