# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Synthesis of mmgen's StyleGAN2 in two parts, around the base code.

Layer numbers, for the block of size ``s = 2^k``: ``convs[2(k-3)]`` is the up-sampling convolution
whose output the base code stands in for, ``convs[2(k-3)+1]`` with style ``w[2(k-2)]`` the next
layer. ``convs[j]`` uses style j + 1 and noise j + 1; ``to_rgbs[i]`` uses style 2i + 3.
"""

from __future__ import annotations

import functools
import math

import torch
from mmgen.models.architectures.stylegan.generator_discriminator_v2 import StyleGANv2Generator
from torch import Tensor

__all__ = ['StyleGAN2Split']


def _outside_autocast(method):
    """Let mmgen's modules choose their own precision, on inputs in float32 or better.

    They switch autocast off inside, and would meet the half-precision inputs that it left outside.
    """

    @functools.wraps(method)
    def wrapped(self, *codes: Tensor) -> Tensor:
        codes = [code.to(torch.promote_types(code.dtype, torch.float32)) for code in codes]
        with torch.autocast(codes[0].device.type, enabled=False):
            return method(self, *codes)

    return wrapped


class StyleGAN2Split:
    """The two halves of a StyleGAN2 generator.

    Args:
        generator (StyleGANv2Generator): mmgen's generator; its fixed noise buffers are used.
        base_size (int): Side s of the base code: a power of two from 8 to half the resolution.

    Raises:
        ValueError: If ``base_size`` is none of these.
    """

    def __init__(self, generator: StyleGANv2Generator, base_size: int):
        sizes = [2**k for k in range(3, generator.log_size)]
        if base_size not in sizes:
            raise ValueError(
                f'base_size must be one of {sizes} for a generator of {generator.out_size} '
                f'pixels, but got {base_size}.'
            )
        k = int(math.log2(base_size))
        self.generator = generator
        self.base_shape = (generator.channels[base_size], base_size, base_size)
        self.resolution = generator.out_size
        self.style_dim = generator.style_channels
        self.num_latents = generator.num_latents
        self.first_detail = 2 * (k - 2)
        self._block = k - 3  # number of the s×s block in to_rgbs

    def _noise(self, layer: int) -> Tensor:
        return getattr(self.generator, f'injected_noise_{layer}')

    @_outside_autocast
    def mapping(self, z: Tensor) -> Tensor:
        """Map z (n, D) to w (n, D)."""
        return self.generator.style_mapping(z)

    @_outside_autocast
    def synthesis(self, w_plus: Tensor) -> Tensor:
        """Render w+ (n, N, D) in full: image (n, 3, H, W), fixed noise."""
        return self.generator([w_plus], input_is_latent=True, randomize_noise=False)

    @_outside_autocast
    def base_code(self, w_plus: Tensor) -> Tensor:
        """Return the feature map (n, C, s, s) that the base code stands in for."""
        g = self.generator
        out = g.constant_input(w_plus)
        out = g.conv1(out, w_plus[:, 0], noise=self._noise(0))
        for j in range(2 * self._block + 1):
            out = g.convs[j](out, w_plus[:, j + 1], noise=self._noise(j + 1))
        return out

    @_outside_autocast
    def render(self, base: Tensor, detail: Tensor) -> Tensor:
        """Render base (n, C, s, s) and detail code (n, N - M, D): image (n, 3, H, W)."""
        g, out, skip = self.generator, base, None
        for j in range(2 * self._block + 1, len(g.convs)):
            out = g.convs[j](out, detail[:, j + 1 - self.first_detail], noise=self._noise(j + 1))
            if j % 2 == 1:  # second convolution of its block: the RGB skip starts from nothing
                style = detail[:, j + 2 - self.first_detail]
                skip = g.to_rgbs[j // 2](out, style, skip)
        return skip
