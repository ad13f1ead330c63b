# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""``mmcv.ops`` for StyleGAN2 in pure PyTorch, differentiable twice.

Cause: mmgen imports ``upfirdn2d`` and ``fused_bias_leakyrelu`` from ``mmcv.ops``, which
mmcv-lite does not have (its ``mmcv.ops`` fails on the missing ``mmcv._ext``); and mmgen 1.0.0rc0
calls ``upfirdn2d(..., pad=)`` where mmcv 2.0.0 takes ``padding``.
May be deleted: when mmgen runs with mmcv-lite, or no longer imports these ops from mmcv.

``mmcv._ext`` is never faked: mmengine asks for it to find out whether mmcv is complete.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import sys
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def _pair(value) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _four_pads(pad, padding=None) -> list[int]:
    value = pad if padding is None else padding
    value = [value] * 4 if isinstance(value, int) else [int(v) for v in value]
    if len(value) not in (2, 4):
        raise ValueError(f'pad takes one, two or four numbers, but got {value}.')
    if len(value) == 2:
        one, two = value
        # mmgen's pad is (before, after) on both axes, mmcv's padding is (x, y) on both sides.
        value = [one, two, one, two] if padding is None else [one, one, two, two]
    return value


def upfirdn2d(input: Tensor, kernel: Tensor, up=1, down=1, pad=0, padding=None) -> Tensor:
    """Insert zeros, pad, convolve with an FIR kernel, keep every ``down``-th sample.

    Args:
        input (Tensor): Feature map of shape (n, c, h, w).
        kernel (Tensor): Kernel of shape (kh, kw); a convolution, so it is applied flipped.
        up (int | tuple[int]): Zero-insertion factor, one number or (x, y). Defaults to 1.
        down (int | tuple[int]): Decimation factor, one number or (x, y). Defaults to 1.
        pad (int | tuple[int]): Zeros around the up-sampled map; one number, (before, after), or
            (left, right, top, bottom). Negative numbers crop. Defaults to 0.
        padding (int | tuple[int] | None): The same under mmcv 2's name, where two numbers are
            (x, y). Defaults to None.

    Returns:
        Tensor: Shape (n, c, (h * up + pads - kh) // down + 1, …).
    """
    left, right, top, bottom = _four_pads(pad, padding)
    (up_x, up_y), (down_x, down_y) = _pair(up), _pair(down)
    n, c, h, w = input.shape
    x = input
    if up_x > 1 or up_y > 1:
        x = F.pad(x.reshape(n, c, h, 1, w, 1), (0, up_x - 1, 0, 0, 0, up_y - 1))
        x = x.reshape(n, c, h * up_y, w * up_x)  # [NCHW]
    if left or right or top or bottom:
        x = F.pad(x, (left, right, top, bottom))
    weight = kernel.flip(0, 1).to(x.dtype).expand(c, 1, *kernel.shape)
    # A depthwise convolution: on CPU 15 times faster than (n·c, 1, h, w) with one channel.
    return F.conv2d(x, weight, stride=(down_y, down_x), groups=c)


def fused_bias_leakyrelu(
    input: Tensor, bias: Tensor, negative_slope: float = 0.2, scale: float = 2**0.5
) -> Tensor:
    """Compute ``scale · LeakyReLU(input + bias)``, with the bias on dimension 1.

    Args:
        input (Tensor): Shape (n, c, …).
        bias (Tensor): Shape (c,).
        negative_slope (float): Slope below zero. Defaults to 0.2.
        scale (float): Gain that keeps the variance. Defaults to sqrt(2).
    """
    shape = [1, -1] + [1] * (input.ndim - 2)
    return F.leaky_relu(input + bias.to(input.dtype).reshape(shape), negative_slope) * scale


class FusedBiasLeakyReLU(nn.Module):
    """Module form of :func:`fused_bias_leakyrelu` with a learned bias."""

    def __init__(self, num_channels: int, negative_slope: float = 0.2, scale: float = 2**0.5):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(num_channels))
        self.negative_slope = negative_slope
        self.scale = scale

    def forward(self, input: Tensor) -> Tensor:
        return fused_bias_leakyrelu(input, self.bias, self.negative_slope, self.scale)


def _accept_pad(compiled):
    """Let a compiled ``upfirdn2d`` that takes ``padding`` accept mmgen's ``pad``."""
    if 'pad' in inspect.signature(compiled).parameters:
        return compiled

    @functools.wraps(compiled)
    def with_pad(*args, pad=None, **kwargs):
        if pad is not None:
            kwargs['padding'] = _four_pads(pad)
        return compiled(*args, **kwargs)

    with_pad.accepts_pad = True
    return with_pad


def _refuse(name: str):
    """Raise the error that ``import mmcv.ops`` raises for an operator of the compiled mmcv."""
    if name[:2] == '__':
        raise AttributeError(name)
    message = f"No module named 'mmcv._ext': mmcv-lite has no mmcv.ops.{name}, mmcv has"
    raise ModuleNotFoundError(message, name='mmcv._ext')


def install() -> None:
    """Provide ``mmcv.ops``, or make a compiled one accept mmgen's ``pad``."""
    if importlib.util.find_spec('mmcv._ext') is not None:
        module = importlib.import_module('mmcv.ops.upfirdn2d')
        if not getattr(module.upfirdn2d, 'accepts_pad', False):
            module.upfirdn2d = _accept_pad(module.upfirdn2d)
        return
    if getattr(sys.modules.get('mmcv.ops'), '__pure_pytorch__', False):
        return
    import mmcv

    ops = module_from_spec(ModuleSpec('mmcv.ops', None, is_package=True))
    ops.__pure_pytorch__ = True
    vars(ops)['__getattr__'] = _refuse
    for name, members in (
        ('upfirdn2d', (upfirdn2d,)),
        ('fused_bias_leakyrelu', (fused_bias_leakyrelu, FusedBiasLeakyReLU)),
    ):
        module = module_from_spec(ModuleSpec(f'mmcv.ops.{name}', None))
        for member in members:
            setattr(module, member.__name__, member)
        sys.modules[module.__name__] = module
        setattr(ops, name, module)
    sys.modules['mmcv.ops'] = ops
    mmcv.ops = ops
