# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What the splits of all generator families share."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ['GeneratorSplit', 'outside_autocast', 'synthesis_dtype']


def outside_autocast(method):
    """Let mmgen's modules choose their own precision, on inputs in float32 or better.

    They switch autocast off inside, and would meet the half-precision inputs that it left outside.
    """

    @functools.wraps(method)
    def wrapped(self, *codes: Tensor) -> Tensor:
        codes = [code.to(torch.promote_types(code.dtype, torch.float32)) for code in codes]
        with torch.autocast(codes[0].device.type, enabled=False):
            return method(self, *codes)

    return wrapped


def synthesis_dtype(code: Tensor) -> torch.dtype:
    """Return what feature maps are computed in: bfloat16 where autocast says so, else as the code.

    float16 has no room for StyleGAN's activations and a pixel's gradient: it gives float32.
    """
    kind = code.device.type
    if hasattr(torch, 'get_autocast_dtype'):  # torch >= 2.4
        enabled, dtype = torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)
    elif kind == 'cpu':
        enabled, dtype = torch.is_autocast_cpu_enabled(), torch.get_autocast_cpu_dtype()
    else:
        enabled, dtype = torch.is_autocast_enabled(), torch.get_autocast_gpu_dtype()
    if enabled and dtype == torch.bfloat16:
        return dtype
    return torch.promote_types(code.dtype, torch.float32)


class GeneratorSplit:
    """The two halves of a StyleGAN generator of mmgen; base class.

    Args:
        generator (nn.Module): mmgen's generator; its fixed noise buffers are used.
        base_size (int): Side s of the base code: a power of two from 8 to half the resolution.

    Raises:
        ValueError: If ``base_size`` is none of these.
    """

    checkpointing = False  # whether feature maps are computed again instead of kept
    normalizes_base = False  # whether an instance normalisation follows the base code

    def __init__(self, generator: nn.Module, base_size: int):
        sizes = [2**k for k in range(3, generator.log_size)]
        if base_size not in sizes:
            raise ValueError(
                f'base_size must be one of {sizes} for a generator of {generator.out_size} '
                f'pixels, but got {base_size}.'
            )
        self.generator = generator
        self.base_shape = (generator.channels[base_size], base_size, base_size)
        self.resolution = generator.out_size
        self.style_dim = generator.style_channels
        self.num_latents = generator.num_latents
        self.first_detail = 2 * (int(math.log2(base_size)) - 2)

    def _noise(self, layer: int) -> Tensor:
        return getattr(self.generator, f'injected_noise_{layer}')

    @outside_autocast
    def mapping(self, z: Tensor) -> Tensor:
        """Map z (n, D) to w (n, D)."""
        return self.generator.style_mapping(z)

    @outside_autocast
    def synthesis(self, w_plus: Tensor, *noise: Tensor) -> Tensor:
        """Render w+ (n, N, D) in full: image (n, 3, H, W), fixed noise unless maps are given."""
        return self.generator(
            [w_plus], input_is_latent=True, injected_noise=noise or None, randomize_noise=False
        )

    def quick_synthesis(self, w_plus: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Render as :meth:`synthesis` does but for rounding, in the fastest way there is."""
        return self.synthesis(w_plus, *(noise or ()))

    def base_code(self, w_plus: Tensor) -> Tensor:
        """Return the feature map (n, C, s, s) of w+ that the base code stands in for."""
        raise NotImplementedError

    def render(self, base: Tensor, detail: Tensor) -> Tensor:
        """Render base (n, C, s, s) and detail code (n, N - M, D): image (n, 3, H, W)."""
        raise NotImplementedError
