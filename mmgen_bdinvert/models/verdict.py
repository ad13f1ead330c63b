# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Whether a generator knows what an image shows, read from how its inversion went."""

from __future__ import annotations

import torch
from torch import Tensor

from ..structures import LatentCode
from .inverters.base_inverter import OptimizationInverter
from .losses.latent import base_code_distance

__all__ = ['VERDICTS', 'signs_of', 'strangeness', 'verdict', 'verdicts_of']

VERDICTS = ('fits', 'doubtful', 'does not fit')
_LIMITS = (0.45, 0.6)  # of strangeness, between the verdicts


@torch.no_grad()
def signs_of(
    inverter: OptimizationInverter, images: Tensor, output: Tensor, code: LatentCode
) -> Tensor | None:
    """Measure what tells known images from strange ones.

    Args:
        inverter (OptimizationInverter): What inverted the images.
        images (Tensor): Shape (n, 3, H, W), RGB, in [-1, 1].
        output (Tensor): Their reconstructions, alike.
        code (LatentCode): Their codes.

    Returns:
        Tensor | None: Shape (n, 3): perceptual distance, distance of the base code from the
        encoder's, and P-norm of the detail code; None for an inversion without one of them.
    """
    encoder, distance = getattr(inverter, 'encoder', None), inverter.losses
    if encoder is None or inverter.statistics is None or 'perceptual' not in distance:
        return None
    perceptual = distance['perceptual']
    normalized = inverter.generator.normalizes_base
    columns = [
        perceptual(output, perceptual.prepare(images)),
        base_code_distance(code.base, encoder(images), normalized=normalized),
        inverter.statistics.whiten(code.detail).square().mean((1, 2)),
    ]
    return torch.stack([column.float().cpu() for column in columns], 1)


def strangeness(signs: Tensor, yardstick: Tensor) -> Tensor:
    """Compare signs with those of images that a generator knows, and of strange ones.

    Every sign counts by its logarithm, as far as it tells the two kinds apart.

    Args:
        signs (Tensor): From :func:`signs_of`, (n, 3).
        yardstick (Tensor): The same of known and of strange images, (2, m, 3).

    Returns:
        Tensor: Shape (n,): 0 for a usual image of the known ones, 1 for a usual strange one.
    """
    known, strange = yardstick.clamp(min=1e-12).log().double()
    gap = strange.median(0).values - known.median(0).values
    spread = known.std(0) + strange.std(0)
    weight = (gap / spread.clamp(min=1e-6)).clamp(min=0).square()  # fewer than 0: tells nothing
    place = (signs.clamp(min=1e-12).log() - known.median(0).values) / gap
    return torch.where(weight > 0, place * weight, 0).sum(1) / weight.sum().clamp(min=1e-6)


def verdict(strangeness: float) -> str:
    """Return 'fits', 'doubtful' or 'does not fit'."""
    return VERDICTS[sum(not strangeness < limit for limit in _LIMITS)]


def verdicts_of(
    inverter: OptimizationInverter, images: Tensor, output: Tensor, code: LatentCode
) -> list[str] | None:
    """Judge inversions; None where the statistics hold no yardstick for this base size.

    Args:
        inverter, images, output, code: As for :func:`signs_of`.
    """
    yardsticks = getattr(inverter.statistics, 'yardsticks', {})
    if code.base_size not in yardsticks:
        return None
    signs = signs_of(inverter, images, output, code)
    if signs is None:
        return None
    return [verdict(value) for value in strangeness(signs, yardsticks[code.base_size]).tolist()]
