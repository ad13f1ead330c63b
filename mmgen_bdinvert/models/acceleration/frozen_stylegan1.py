# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Frozen StyleGAN1: value and gradient at 256×256 take 0.77 s, not 1.21, and bfloat16 0.48.

Without it, time is lost and ``amp`` leaves the generator in float32.

A convolution after nearest up-sampling sees every pixel four times: both are one transposed
convolution with a kernel of 4×4, for 16 products instead of 36.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from mmgen.models.architectures.pggan.modules import (
    EqualizedLRConvModule,
    EqualizedLRConvUpModule,
)
from mmgen.models.architectures.stylegan.modules.styleganv1_modules import (
    AdaptiveInstanceNorm,
    StyleConv,
)
from mmgen.models.architectures.stylegan.modules.styleganv2_modules import Blur
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..derived import Derived
from .frozen_convolution import (
    Convolution,
    DepthwiseConvolution,
    UpConvolution,
    WinogradConvolution,
    frozen_convolution,
)
from .frozen_modules import effective_weight, frozen_tensors, run
from .frozen_stylegan2 import depthwise_weight
from .precision import gradient_dtype
from .styled_convolution import per_channel

__all__ = ['FrozenStyleGAN1']


def _supported(block: nn.Module) -> bool:
    """Tell whether a block of mmgen is of the kind that is implemented here."""
    if type(block) is not StyleConv or not isinstance(block.conv1, nn.Sequential):
        return False
    up, blur = (*block.conv1, None)[:2]
    if type(up) is not EqualizedLRConvUpModule or type(blur) is not Blur or len(block.conv1) > 2:
        return False
    upsample = getattr(up, 'upsample_layer', None)
    nearest = isinstance(upsample, nn.Upsample) and upsample.mode == 'nearest'
    slopes = [block.activate1, block.activate2, *([up.activate] if up.with_activation else [])]
    return (
        nearest
        and upsample.scale_factor == 2
        and blur.pad[0] == blur.pad[1]
        and type(block.conv2) is EqualizedLRConvModule
        and not block.conv2.with_activation
        and all(type(a) is nn.LeakyReLU and a.negative_slope > 0 for a in slopes)
        and all(_plain_convolution(module) for module in (up, block.conv2))
        and all(type(norm) is AdaptiveInstanceNorm for norm in (block.adain1, block.adain2))
    )


def _plain_convolution(module: nn.Module) -> bool:
    conv = module.conv
    kinds = conv.kernel_size, conv.stride, conv.padding, conv.dilation, conv.groups
    return (
        type(conv) is nn.Conv2d
        and not module.with_norm
        and kinds == ((3, 3), (1, 1), (1, 1), (1, 1), 1)
        and conv.padding_mode == 'zeros'
    )


class FrozenStyleGAN1:
    """The synthesis of mmgen's StyleGAN1, from any block on, as long as its weights are frozen."""

    def __init__(self, generator: nn.Module):
        self._generator = generator
        self._blocks = [_FrozenBlock(b) if _supported(b) else None for b in generator.convs]

    def __call__(
        self,
        x: Tensor,
        styles: Tensor,
        block: int,
        noise: Sequence[Tensor],
        dtype: torch.dtype,
        *,
        whole: bool,
        checkpointing: bool,
    ) -> Tensor | None:
        """Return images (n, 3, H, W); None as for :class:`FrozenStyleGAN2`.

        Args:
            x (Tensor): Input of a block, or of its first normalisation: (n, C, s, s).
            styles (Tensor): Style vectors from that block on: (n, N - M, D), float32 or better.
            block (int): Its number, not 0.
            noise (Sequence[Tensor]): Noise maps of all layers (n or 1, 1, h, h).
            dtype (torch.dtype): That of feature maps.
            whole (bool): Whether ``x`` is the input of the block.
            checkpointing (bool): Whether the backward pass computes the maps of a block again.
        """
        blocks = self._blocks[block:]
        tensors = [None if b is None else frozen_tensors(b.block) for b in blocks]
        if None in tensors:
            return None
        x = x.to(dtype).contiguous(memory_format=torch.channels_last)
        for i, frozen in enumerate(blocks):
            maps = noise[2 * (block + i)] if whole or i else None, noise[2 * (block + i) + 1]
            codes = styles[:, 2 * i], styles[:, 2 * i + 1]
            inputs = tensors[i], x, *codes, *maps, gradient_dtype(dtype)
            x = run(frozen, *inputs, checkpointing=checkpointing)
        return self._generator.to_rgbs[-1](x.to(styles.dtype))


class _FrozenBlock:
    """A block of StyleGAN1, whole or from its first normalisation on."""

    def __init__(self, block: StyleConv):
        self.block = block
        self._constants = Derived(self._compute)
        self._second = Derived(self._compute_second)

    def __call__(
        self,
        tensors: Sequence[Tensor],
        x: Tensor,
        style1: Tensor,
        style2: Tensor,
        noise1: Tensor | None,
        noise2: Tensor,
        gradient: torch.dtype,
    ) -> Tensor:
        """Compute the block; without ``noise1``, ``x`` is what its first normalisation sees."""
        block = self.block
        first, blur, affines = self._constants(tensors, x.dtype, gradient)
        if noise1 is not None:
            x = frozen_convolution(x, *first)
            if block.conv1[0].with_activation:
                x = F.leaky_relu_(x, block.conv1[0].activate.negative_slope)
            x = frozen_convolution(x, *blur)
            x = x.add_(_noise_term(block.noise_injector1, noise1, x))
            x = F.leaky_relu_(x, block.activate1.negative_slope)
        x = _normalise(x, style1, affines[0], block.adain1.norm.eps, gradient)
        winograd = WinogradConvolution.pays(x, block.conv2.conv.weight)
        x = frozen_convolution(x, *self._second(tensors, x.dtype, gradient, winograd))
        x = x.add_(_noise_term(block.noise_injector2, noise2, x))
        x = F.leaky_relu_(x, block.activate2.negative_slope)
        return _normalise(x, style2, affines[1], block.adain2.norm.eps, gradient)

    def _compute(self, dtype: torch.dtype, gradient: torch.dtype) -> tuple:
        block = self.block
        up, blur = block.conv1
        weight = effective_weight(up.conv).transpose(0, 1)  # [IO33]
        # An up-sampled pixel reaches what each of its four copies does.
        weight = F.conv2d(
            F.pad(weight.flip(2, 3), (1, 1, 1, 1)).flatten(0, 1)[:, None],
            weight.new_ones(1, 1, 2, 2),
        ).view(*weight.shape[:2], 4, 4)
        fir = depthwise_weight(blur.kernel, len(up.conv.weight))
        ups = _in_both(lambda kind: UpConvolution(weight.to(kind)), dtype, gradient)
        blurs = _in_both(lambda kind: DepthwiseConvolution(fir.to(kind), blur.pad), dtype, gradient)
        affines = [
            (effective_weight(norm.affine), norm.affine.bias)
            for norm in (block.adain1, block.adain2)
        ]
        return (*ups, _bias(up.conv, dtype)), blurs, affines

    def _compute_second(self, dtype: torch.dtype, gradient: torch.dtype, winograd: bool) -> tuple:
        conv = self.block.conv2.conv
        weight = effective_weight(conv)

        def make(kind: torch.dtype) -> Convolution | WinogradConvolution:
            made = WinogradConvolution if winograd and kind == dtype else Convolution
            return made(weight.to(kind))

        return *_in_both(make, dtype, gradient), _bias(conv, dtype)


def _in_both(make: Callable, dtype: torch.dtype, gradient: torch.dtype) -> tuple:
    """Make something in the dtypes of both passes; it is shared if they are the same."""
    made = make(dtype)
    return made, made if gradient == dtype else make(gradient)


def _bias(conv: nn.Conv2d, dtype: torch.dtype) -> Tensor | None:
    return None if conv.bias is None else conv.bias.to(dtype)


def _noise_term(injector: nn.Module, noise: Tensor, like: Tensor) -> Tensor:
    """Return what a noise injector adds; that of an official StyleGAN1 has a bias as well."""
    term = injector.weight * noise
    bias = getattr(injector, 'bias', None)
    return (term if bias is None else term + bias).to(like.dtype)


def _normalise(x: Tensor, style: Tensor, affine, eps: float, gradient: torch.dtype) -> Tensor:
    """Give every channel of x (n, C, h, w) the scale and the mean that a style (n, D) asks for."""
    scale, mean = F.linear(style, *affine).chunk(2, 1)  # [NC]
    return _AdaptiveNorm.apply(x, scale, mean, eps, gradient)


class _AdaptiveNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale, mean, eps, gradient):
        wide = torch.promote_types(x.dtype, torch.float32)
        size = x.shape[2] * x.shape[3]
        x = x - (x.sum((2, 3), keepdim=True, dtype=wide) / size).to(x.dtype)
        variance = (x * x).sum((2, 3), dtype=wide) / size
        inverse = torch.rsqrt(variance + eps)  # [NC]
        ctx.gradient, ctx.dtype, ctx.size = gradient, x.dtype, size
        ctx.save_for_backward(x, scale, inverse)
        return torch.addcmul(per_channel(mean, x), x, per_channel(scale * inverse, x))

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        x, scale, inverse = ctx.saved_tensors
        grad, x = grad.to(ctx.gradient), x.to(ctx.gradient)
        wide = inverse.dtype
        grad_mean = grad.sum((2, 3), dtype=wide)  # [NC]
        along = (grad * x).sum((2, 3), dtype=wide) * inverse  # with the normalised x
        gain = scale * inverse
        # Less its mean, and its part along the normalised x.
        result = grad * per_channel(gain, grad)
        result.addcmul_(x, per_channel(gain * along * inverse / ctx.size, x), value=-1)
        result.sub_(per_channel(gain * grad_mean / ctx.size, x))
        return result.to(ctx.dtype), along.to(scale), grad_mean.to(scale), None, None
