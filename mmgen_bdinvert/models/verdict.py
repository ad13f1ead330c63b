# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Whether a generator knows what an image shows, read from how its inversion went."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..structures import LatentCode
from .inverters.base_inverter import OptimizationInverter
from .losses.latent import base_code_distance

__all__ = ['VERDICTS', 'signs_of', 'strangeness', 'verdict', 'verdicts_of']

VERDICTS = ('fits', 'doubtful', 'does not fit')
_LEAST = 1e-6  # of what is divided by: an image may be one colour
# Of strangeness, between the verdicts: benchmarks.verdicts tries them.
_LIMITS = (9.5, 11.5)
_FACE_LIMITS = (10.5, 12.0)


@torch.no_grad()
def signs_of(
    inverter: OptimizationInverter,
    images: Tensor,
    output: Tensor,
    code: LatentCode,
    faces: Tensor | None = None,
) -> Tensor | None:
    """Measure what tells known images from strange ones.

    Args:
        inverter (OptimizationInverter): What inverted the images.
        images (Tensor): Shape (n, 3, H, W), RGB, in [-1, 1].
        output (Tensor): Their reconstructions, alike.
        code (LatentCode): Their codes.
        faces (Tensor | None): Where a face was found, (n, 1, H, W) from 0 to 1, zero in images
            without one. There the base code tells alone: what surrounds the face takes part in the
            other two. Defaults to None, faces nowhere.

    Returns:
        Tensor | None: Shape (n, 3): perceptual distance, as a share of that of the image's mean
        colour; squared distance of the base code from the encoder's, as a share of how much that
        varies over the image; and P-norm of the detail code. So images in which there is little to
        see are no easier. None for an inversion without one of them.
    """
    encoder, distance = getattr(inverter, 'encoder', None), inverter.losses
    if encoder is None or inverter.statistics is None or 'perceptual' not in distance:
        return None
    perceptual, predicted = distance['perceptual'], encoder(images)
    normalized = inverter.generator.normalizes_base
    away = base_code_distance(code.base, predicted, normalized=normalized)
    if not normalized:  # else the variance is 1
        away = away / predicted.var((2, 3)).mean(1).clamp(min=_LEAST)
    if faces is not None:
        found = faces.flatten(1).amax(1) > 0
        away = torch.where(found, _away_inside(code.base, predicted, faces, normalized), away)
    features = perceptual.prepare(images)
    plain = perceptual(images.mean((2, 3), keepdim=True).expand_as(images), features)
    columns = [
        perceptual(output, features) / plain.clamp(min=_LEAST),
        away,
        inverter.statistics.whiten(code.detail).square().mean((1, 2)),
    ]
    signs = torch.stack([column.float().cpu() for column in columns], 1)
    if faces is not None:
        signs[:, ::2] *= ~found[:, None].cpu()
    return signs


def _away_inside(base: Tensor, predicted: Tensor, faces: Tensor, normalized: bool) -> Tensor:
    """Compare base codes (n, C, s, s) with those predicted, within faces (n, 1, H, W); (n,)."""
    if normalized:
        base, predicted = F.instance_norm(base), F.instance_norm(predicted)
    weight = F.adaptive_avg_pool2d(faces.to(base), base.shape[-1])
    weight = weight / weight.sum((2, 3), keepdim=True).clamp(min=_LEAST)  # [N1SS]
    mean = (weight * predicted).sum((2, 3), keepdim=True)
    varies = (weight * (predicted - mean).square()).sum((2, 3)).mean(1)
    away = (weight * (base - predicted).square()).sum((2, 3)).mean(1)
    return away / varies.clamp(min=_LEAST)


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


def verdict(strangeness: float, *, face: bool = False) -> str:
    """Return 'fits', 'doubtful' or 'does not fit', for an image or for a face found in it."""
    limits = _FACE_LIMITS if face else _LIMITS
    return VERDICTS[sum(not strangeness < limit for limit in limits)]


def verdicts_of(
    inverter: OptimizationInverter,
    images: Tensor,
    output: Tensor,
    code: LatentCode,
    faces: Tensor | None = None,
) -> list[str] | None:
    """Judge inversions; None where the statistics hold no yardstick for this base size.

    Without steps there is none either: yardsticks are those of optimised inversions.

    Args:
        inverter, images, output, code, faces: As for :func:`signs_of`.
    """
    yardsticks = getattr(inverter.statistics, 'yardsticks', {})
    if code.base_size not in yardsticks or not inverter.num_steps:
        return None
    signs = signs_of(inverter, images, output, code, faces)
    if signs is None:
        return None
    away = strangeness(signs, yardsticks[code.base_size]).tolist()
    found = [False] * len(away) if faces is None else (faces.flatten(1).amax(1) > 0).tolist()
    return [verdict(value, face=face) for value, face in zip(away, found)]
