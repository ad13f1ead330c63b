# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Distances between sets of images, from features of both."""

from __future__ import annotations

import torch
from torch import Tensor


def frechet_distance(real: Tensor, fake: Tensor) -> float:
    """Fréchet distance of two sets of features, as in FID.

    Args:
        real (Tensor): Features of shape (n, d).
        fake (Tensor): Features of shape (m, d).

    Returns:
        float: ``|μ1 - μ2|² + tr(Σ1 + Σ2 - 2 (Σ1 Σ2)^½)``; 0 for equal sets.
    """
    real, fake = (x.cpu().to(torch.float64) for x in (real, fake))
    mean_term = (real.mean(0) - fake.mean(0)).square().sum()
    cov_real, cov_fake = torch.cov(real.T), torch.cov(fake.T)
    # tr (Σ1 Σ2)^½ is the sum of the roots of the eigenvalues of Σ1^½ Σ2 Σ1^½, which is symmetric.
    values, vectors = torch.linalg.eigh(cov_real)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ cov_fake @ root).clamp_min(0).sqrt().sum()
    return float(mean_term + cov_real.trace() + cov_fake.trace() - 2 * cross)


def _covered(points: Tensor, centres: Tensor, neighbours: int) -> float:
    # Distance of each centre to its k-th neighbour among the centres; 0 is the centre itself.
    radius = torch.cdist(centres, centres).kthvalue(neighbours + 1, dim=1).values
    return float((torch.cdist(points, centres) <= radius).any(1).double().mean())


def precision_recall(real: Tensor, fake: Tensor, neighbours: int = 3) -> tuple[float, float]:
    """Improved precision and recall (Kynkäänniemi et al., NeurIPS 2019).

    Args:
        real (Tensor): Features of shape (n, d).
        fake (Tensor): Features of shape (m, d).
        neighbours (int): k of the k-nearest-neighbour balls. Defaults to 3.

    Returns:
        tuple[float, float]: Share of fakes inside the manifold of reals, and of reals inside that
        of fakes.

    Raises:
        ValueError: If a set has no more than ``neighbours`` features.
    """
    if min(len(real), len(fake)) <= neighbours:
        raise ValueError(
            f'precision and recall need more than {neighbours} features in each set, but got '
            f'{len(real)} and {len(fake)}.'
        )
    real, fake = (x.cpu().to(torch.float64) for x in (real, fake))
    return _covered(fake, real, neighbours), _covered(real, fake, neighbours)
