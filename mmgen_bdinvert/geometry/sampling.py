# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Reading a map at source points, without aliasing."""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ['pixel_centres', 'sample']

# Samples per axis and pixel that anti-aliasing may take: full quality down to a scale of 1/16.
_MAX_TAPS = 16


def pixel_centres(height: int, width: int) -> Tensor:
    """Return the normalised coordinates of all pixels of a map: (H, W, 2) float64, (x, y) last."""
    rows = (2 * torch.arange(height, dtype=torch.float64) + 1) / height - 1
    columns = (2 * torch.arange(width, dtype=torch.float64) + 1) / width - 1
    y, x = torch.meshgrid(rows, columns, indexing='ij')
    return torch.stack([x, y], dim=-1)


def _tap_offsets(points: Tensor, dim: int) -> list[Tensor]:
    """Return offsets (H, W, 2) of samples along a destination axis (0: rows) that avoid aliasing.

    One destination pixel spans ``m`` source pixels along this axis. Sampling already covers one of
    them, so for ``m > 1`` the samples spread evenly over the ``sqrt(m^2 - 1)`` that are missing in
    the sum of squares: nothing at m = 1, the whole pixel for a large m, continuous in between.
    """
    height, width = points.shape[:2]
    if points.shape[dim] < 2:
        return [points.new_zeros(())]
    step = torch.gradient(points.detach(), dim=dim)[0]  # [H, W, 2], per destination pixel
    span = (step * step.new_tensor([width / 2, height / 2])).norm(dim=-1, keepdim=True)
    part = (1 - span.clamp(min=1.0) ** -2).sqrt()  # [H, W, 1], share of the span to cover
    length = (span * part).max().item()
    if length < 1e-3:  # a rotation or an enlargement, up to rounding
        return [points.new_zeros(())]
    count = min(max(2, math.ceil(length)), _MAX_TAPS)  # at most one source pixel apart
    return [((i + 0.5) / count - 0.5) * part * step for i in range(count)]


def sample(x: Tensor, points: Tensor, *, padding_mode: str, mode: str) -> Tensor:
    """Read all maps (n, C, H, W) at the source points (H, W, 2) of the destination pixels.

    Each value is averaged over its pixel's span. The modes are those of ``grid_sample``.
    """
    rows, columns = _tap_offsets(points, 0), _tap_offsets(points, 1)
    total = torch.zeros_like(x)
    for row, column in itertools.product(rows, columns):
        grid = (points + column + row).to(x).expand(len(x), *points.shape)
        total = total + F.grid_sample(
            x, grid, mode=mode, padding_mode=padding_mode, align_corners=False
        )
    return total / (len(rows) * len(columns))
