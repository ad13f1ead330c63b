# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What is measured of a generator's weights: their fingerprint, and means of samples."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..state_dicts import update_digest

__all__ = ['fingerprint_of', 'mean_base', 'mean_latent']

_SEED = 0
_LATENTS, _LATENTS_AT_ONCE = 32768, 4096
_BASES, _BASES_AT_ONCE = 128, 32  # a seventh of a second each on a CPU at full width


def fingerprint_of(network: nn.Module) -> str:
    """Return the SHA-256 of all weights (names, shapes, float32 values), in hexadecimal."""
    digest = hashlib.sha256()
    update_digest(digest, network.state_dict())
    return digest.hexdigest()


def mean_latent(generator: nn.Module) -> Tensor:
    """Return the mean w (D,) of a BaseDetailGenerator's mapping, in float64 on the CPU."""
    return _mean(generator, _LATENTS, _LATENTS_AT_ONCE, lambda w: w)


def mean_base(generator: nn.Module, base_code: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the mean base code (1, C, s, s) of w+, in float64 on the CPU."""

    def base(w: Tensor) -> Tensor:
        return base_code(generator.to_w_plus(w))

    return _mean(generator, _BASES, _BASES_AT_ONCE, base)[None]


def _mean(
    generator: nn.Module, samples: int, at_once: int, value: Callable[[Tensor], Tensor]
) -> Tensor:
    rng, total = torch.Generator().manual_seed(_SEED), torch.zeros((), dtype=torch.float64)
    for _ in range(samples // at_once):
        z = torch.randn(at_once, generator.style_dim, generator=rng)
        w = generator.mapping(z.to(next(generator.parameters())))
        total = total + value(w).cpu().to(torch.float64).sum(0)  # Apple's GPUs have no float64
    return total / samples
