# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Frozen StyleGAN1: value and gradient at 256×256 take 0.77 s, not 1.21, and bfloat16 0.48.

Without it, time is lost and ``amp`` leaves the generator in float32.

Every pixel that a convolution sees after nearest up-sampling is one of four equal ones. So both are
a transposed convolution with a kernel of 4×4, for 16 products instead of 36.
"""

from __future__ import annotations

from collections.abc import Sequence

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
from torch.utils.checkpoint import checkpoint

from ..derived import Derived
from .constant_convolution import (
    Convolution,
    DepthwiseConvolution,
    UpConvolution,
    WinogradConvolution,
    frozen_convolution,
)
from .frozen_modules import effective_weight, sources
from .frozen_stylegan2 import correlation
from .precision import gradient_dtype

__all__ = ['FrozenStyleGAN1']


def _known(block: nn.Module) -> bool:
    """Tell whether a block of mmgen is of the kind that is known here."""
    if type(block) is not StyleConv or not isinstance(block.conv1, nn.Sequential):
        return False
    up, blur = (*block.conv1, None)[:2]
    if type(up) is not EqualizedLRConvUpModule or type(blur) is not Blur or len(block.conv1) > 2:
        return False
    upsample = getattr(up, 'upsample_layer', None)
    nearest = isinstance(upsample, nn.Upsample) and upsample.mode == 'nearest'
    if not nearest or upsample.scale_factor != 2 or blur.pad[0] != blur.pad[1]:
        return False
    slopes = [up.activate] if up.with_activation else []
    slopes += [block.activate1, block.activate2]
    plain = type(block.conv2) is EqualizedLRConvModule and not block.conv2.with_activation
    return (
        plain
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
        self._blocks = [_FrozenBlock(b) if _known(b) else None for b in generator.convs]

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
        """Render.

        Args:
            x (Tensor): Input of a block, or of its first normalisation: (n, C, s, s).
            styles (Tensor): Style vectors from that block on: (n, N - M, D), float32 or better.
            block (int): Its number, not 0.
            noise (Sequence[Tensor]): Noise maps of all layers (n or 1, 1, h, h).
            dtype (torch.dtype): What feature maps are computed in.
            whole (bool): Whether ``x`` is the input of the block.
            checkpointing (bool): Whether the backward pass computes the maps of a block again.

        Returns:
            Tensor | None: Images (n, 3, H, W); None if a weight asks for a gradient, a forward hook
            waits for a module, or one is of a kind unknown here: then mmgen's own modules must do.
        """
        blocks = [b for b in self._blocks[block:] if b is not None and sources(b.block) is not None]
        if len(blocks) < len(self._blocks) - block:
            return None
        out = x.to(dtype).contiguous(memory_format=torch.channels_last)
        for i, one in enumerate(blocks):
            maps = noise[2 * (block + i)] if whole or i else None, noise[2 * (block + i) + 1]
            inputs = out, styles[:, 2 * i], styles[:, 2 * i + 1], *maps, gradient_dtype(dtype)
            if checkpointing:
                # It draws no random numbers: the noise is given.
                options = dict(use_reentrant=False, preserve_rng_state=False)
                out = checkpoint(one, *inputs, **options)
            else:
                out = one(*inputs)
        return self._generator.to_rgbs[-1](out.to(styles.dtype))


class _FrozenBlock:
    """A block of StyleGAN1, in whole or from its first normalisation on."""

    def __init__(self, block: StyleConv):
        self.block = block
        self._constants = Derived(self._compute)
        self._second = Derived(self._compute_second)

    def __call__(
        self,
        x: Tensor,
        style1: Tensor,
        style2: Tensor,
        noise1: Tensor | None,
        noise2: Tensor,
        gradient: torch.dtype,
    ) -> Tensor:
        """Compute the block; without ``noise1``, ``x`` is what its first normalisation sees."""
        block = self.block
        tensors = [*block.parameters(), *block.buffers()]
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
        # A pixel up-sampled to 2×2 reaches what each of the four does.
        weight = F.conv2d(
            F.pad(weight.flip(2, 3), (1, 1, 1, 1)).flatten(0, 1)[:, None],
            weight.new_ones(1, 1, 2, 2),
        ).view(*weight.shape[:2], 4, 4)
        fir = correlation(blur.kernel, len(up.conv.weight))
        ups = [UpConvolution(weight.to(kind)) for kind in _kinds(dtype, gradient)]
        blurs = [DepthwiseConvolution(fir.to(kind), blur.pad) for kind in _kinds(dtype, gradient)]
        first = ups[0], ups[-1], _bias(up.conv, dtype)
        affines = [
            (effective_weight(norm.affine), norm.affine.bias)
            for norm in (block.adain1, block.adain2)
        ]
        return first, (blurs[0], blurs[-1]), affines

    def _compute_second(self, dtype: torch.dtype, gradient: torch.dtype, winograd: bool) -> tuple:
        conv = self.block.conv2.conv
        weight = effective_weight(conv)
        kinds = [
            (WinogradConvolution if winograd and kind == dtype else Convolution)(weight.to(kind))
            for kind in _kinds(dtype, gradient)
        ]
        return kinds[0], kinds[-1], _bias(conv, dtype)


def _kinds(dtype: torch.dtype, gradient: torch.dtype) -> list[torch.dtype]:
    """Return both dtypes, or the one that serves both passes."""
    return list(dict.fromkeys((dtype, gradient)))


def _bias(conv: nn.Conv2d, dtype: torch.dtype) -> Tensor | None:
    return None if conv.bias is None else conv.bias.to(dtype)


def _noise_term(injector: nn.Module, noise: Tensor, like: Tensor) -> Tensor:
    """Return what a noise injector adds; that of an official StyleGAN1 has a bias as well."""
    term = injector.weight * noise
    bias = getattr(injector, 'bias', None)
    return (term if bias is None else term + bias).to(like.dtype)


def _normalise(
    x: Tensor,
    style: Tensor,
    affine: tuple[Tensor, Tensor],
    eps: float,
    gradient: torch.dtype,
) -> Tensor:
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
        return torch.addcmul(_spread(mean, x), x, _spread(scale * inverse, x))

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
        result = grad * _spread(gain, grad)
        result.addcmul_(x, _spread(gain * along * inverse / ctx.size, x), value=-1)
        result.sub_(_spread(gain * grad_mean / ctx.size, x))
        return result.to(ctx.dtype), along.to(scale), grad_mean.to(scale), None, None


def _spread(values: Tensor, like: Tensor) -> Tensor:
    return values.to(like.dtype)[:, :, None, None]  # [NC11]
