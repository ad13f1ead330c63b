# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Triton kernels around convolutions: a third of a step at 1024×1024; without them, time is lost.

For a frozen StyleGAN2 on a GPU: the blur alone took that third (of 22.3 ms on an H200), as torch's
depthwise convolution takes longer than the layer's own. torch needs about twenty passes over
feature maps where one pass before and one after the convolution suffice, and as many in the
backward pass. All maps are channels last; sums are in float32.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

__all__ = ['activation_gradient', 'filtered', 'scaled']

_PIXELS, _CHANNELS = 64, 32  # of a block; powers of two


@triton.jit
def _filter_kernel(
    x, kernel, gain, noise, bias, out,
    channels, in_height, in_width, height, width, padding, noise_stride, slope,
    TAPS: tl.constexpr, EPILOGUE: tl.constexpr, PIXELS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    image = tl.program_id(2)
    pixel = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    inside, exists = pixel < height * width, channel < channels
    row, column = pixel // width, pixel % width
    total = tl.zeros((PIXELS, CHANNELS), dtype=tl.float32)
    source = x + image.to(tl.int64) * in_height * in_width * channels
    for i in tl.static_range(TAPS):
        for j in tl.static_range(TAPS):
            r, c = row + i - padding, column + j - padding
            in_map = inside & (r >= 0) & (r < in_height) & (c >= 0) & (c < in_width)
            offsets = (r * in_width + c)[:, None] * channels + channel[None, :]
            value = tl.load(source + offsets, mask=in_map[:, None] & exists[None, :], other=0.0)
            total += value.to(tl.float32) * tl.load(kernel + i * TAPS + j)
    if EPILOGUE:
        g = tl.load(gain + image * channels + channel, mask=exists, other=0.0)
        b = tl.load(bias + channel, mask=exists, other=0.0)
        e = tl.load(noise + image * noise_stride + pixel, mask=inside, other=0.0).to(tl.float32)
        total = total * g[None, :] + e[:, None] + b[None, :]
        total = tl.where(total > 0, total, total * slope)
    target = out + image.to(tl.int64) * height * width * channels
    offsets = pixel[:, None] * channels + channel[None, :]
    value = total.to(out.dtype.element_ty)
    tl.store(target + offsets, value, mask=inside[:, None] & exists[None, :])


@triton.jit
def _activation_gradient_kernel(
    grad, y, gain, noise, bias, out, sums,
    channels, pixels, blocks, noise_stride, slope,
    PIXELS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    image = tl.program_id(2)
    pixel = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    inside, exists = pixel < pixels, channel < channels
    mask = inside[:, None] & exists[None, :]
    offsets = image.to(tl.int64) * pixels * channels + pixel[:, None] * channels + channel[None, :]
    up = tl.load(grad + offsets, mask=mask, other=0.0).to(tl.float32)
    value = tl.load(y + offsets, mask=mask, other=0.0).to(tl.float32)
    g = tl.where(value > 0, up, up * slope)
    e = tl.load(noise + image * noise_stride + pixel, mask=inside, other=0.0).to(tl.float32)
    b = tl.load(bias + channel, mask=exists, other=0.0)
    # Before the activation z = gain * c + noise + bias, and g * z = up * value.
    rest = tl.sum(up * value - g * (e[:, None] + b[None, :]), axis=0)
    tl.store(sums + (image * blocks + tl.program_id(0)) * channels + channel, rest, mask=exists)
    factor = tl.load(gain + image * channels + channel, mask=exists, other=0.0)
    tl.store(out + offsets, (g * factor[None, :]).to(out.dtype.element_ty), mask=mask)


@triton.jit
def _scale_kernel(
    x, factors, other, out, sums,
    channels, pixels, blocks,
    SUM: tl.constexpr, PIXELS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    image = tl.program_id(2)
    pixel = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    exists = channel < channels
    mask = (pixel < pixels)[:, None] & exists[None, :]
    offsets = image.to(tl.int64) * pixels * channels + pixel[:, None] * channels + channel[None, :]
    value = tl.load(x + offsets, mask=mask, other=0.0).to(tl.float32)
    if SUM:
        product = value * tl.load(other + offsets, mask=mask, other=0.0).to(tl.float32)
        place = sums + (image * blocks + tl.program_id(0)) * channels + channel
        tl.store(place, tl.sum(product, axis=0), mask=exists)
    factor = tl.load(factors + image * channels + channel, mask=exists, other=0.0)
    tl.store(out + offsets, (value * factor[None, :]).to(out.dtype.element_ty), mask=mask)


def scaled(x: Tensor, factors: Tensor, other: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
    """Return ``factors · x``, and the sums of ``x · other`` over h and w, (n, C), if it is given.

    The maps are (n, C, h, w); the factors (n, C) and the sums are float32.
    """
    x = _channels_last(x)
    out = torch.empty_like(x)
    grid, sums = _grid(x)
    _scale_kernel[grid](
        x, factors.contiguous(), x if other is None else _channels_last(other), out, sums,
        x.shape[1], x.shape[2] * x.shape[3], grid[0],
        SUM=other is not None, PIXELS=_PIXELS, CHANNELS=_CHANNELS,
    )  # fmt: skip
    return out, None if other is None else sums.sum(1)


def filtered(
    x: Tensor,
    kernel: Tensor,
    padding: int,
    epilogue: tuple[Tensor, Tensor, Tensor, float] | None = None,
) -> Tensor:
    """Correlate each channel of x (n, C, h, w), zeros around it, with one kernel (k, k), float32.

    The epilogue is ``gain`` (n, C), ``noise`` (n or 1, 1, H, W), ``bias`` (C,), float32 but the
    noise, and ``slope``: the result is then ``LeakyReLU(gain · out + noise + bias)``.
    """
    x = _channels_last(x)
    taps = kernel.shape[-1]
    n, channels, h, w = x.shape
    height, width = (side + 2 * padding - taps + 1 for side in (h, w))
    out = torch.empty(
        (n, channels, height, width),
        dtype=x.dtype, device=x.device, memory_format=torch.channels_last,
    )  # fmt: skip
    gain, noise, bias, slope = epilogue or (kernel, kernel, kernel, 1.0)  # not read without one
    stride = 0 if epilogue is None or len(noise) == 1 else height * width
    grid, _ = _grid(out)
    _filter_kernel[grid](
        x, kernel.contiguous(), gain.contiguous(), noise.contiguous(), bias, out,
        channels, h, w, height, width, padding, stride, slope,
        TAPS=taps, EPILOGUE=epilogue is not None, PIXELS=_PIXELS, CHANNELS=_CHANNELS,
    )  # fmt: skip
    return out


def activation_gradient(
    grad: Tensor, y: Tensor, gain: Tensor, noise: Tensor, bias: Tensor, slope: float
) -> tuple[Tensor, Tensor]:
    """Return the gradients of c and gain in ``y = LeakyReLU(gain · c + noise + bias)``.

    From that of y (n, C, H, W); the rest as the epilogue of :func:`filtered`, slope above 0.
    """
    grad, y = _channels_last(grad), _channels_last(y)
    out = torch.empty_like(y)
    grid, sums = _grid(y)
    pixels = y.shape[2] * y.shape[3]
    _activation_gradient_kernel[grid](
        grad, y, gain.contiguous(), noise.contiguous(), bias, out, sums,
        y.shape[1], pixels, grid[0], 0 if len(noise) == 1 else pixels, slope,
        PIXELS=_PIXELS, CHANNELS=_CHANNELS,
    )  # fmt: skip
    return out, sums.sum(1) / gain


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _grid(x: Tensor) -> tuple[tuple[int, int, int], Tensor]:
    """Return the launch grid of a feature map, and space for the sums of its blocks."""
    n, channels, h, w = x.shape
    blocks = triton.cdiv(h * w, _PIXELS)
    sums = torch.empty(n, blocks, channels, dtype=torch.float32, device=x.device)
    return (blocks, triton.cdiv(channels, _CHANNELS), n), sums
