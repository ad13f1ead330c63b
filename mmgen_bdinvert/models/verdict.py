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
_LIMITS = (7.0, 8.0)  # of strangeness, between the verdicts: benchmarks.verdicts tries them


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


def strangeness(signs: Tensor, known: Tensor) -> Tensor:
    """Measure how far signs lie above those of images that a generator knows.

    Args:
        signs (Tensor): From :func:`signs_of`, (n, 3).
        known (Tensor): The same of samples of the generator, (m, 3).

    Returns:
        Tensor: Shape (n,): the distance of their logarithms from the median of those known, in
        standard deviations; a sign that is smaller than usual adds nothing.
    """
    usual = known.double().clamp(min=1e-12).log()
    above = signs.double().clamp(min=1e-12).log() - usual.median(0).values
    return (above.clamp(min=0) / usual.std(0).clamp(min=0.05)).norm(dim=1)


def verdict(strangeness: float) -> str:
    """Return 'fits', 'doubtful' or 'does not fit'."""
    return VERDICTS[sum(not strangeness < limit for limit in _LIMITS)]


def verdicts_of(
    inverter: OptimizationInverter, images: Tensor, output: Tensor, code: LatentCode
) -> list[str] | None:
    """Judge inversions; None where the statistics hold no yardstick for this base size.

    Without steps there is none either: yardsticks are those of optimised inversions.

    Args:
        inverter, images, output, code: As for :func:`signs_of`.
    """
    yardsticks = getattr(inverter.statistics, 'yardsticks', {})
    if code.base_size not in yardsticks or not inverter.num_steps:
        return None
    signs = signs_of(inverter, images, output, code)
    if signs is None:
        return None
    return [verdict(value) for value in strangeness(signs, yardsticks[code.base_size]).tolist()]
