# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Smooth motions from point pairs: thin-plate splines (Bookstein, PAMI 1989)."""

from __future__ import annotations

import torch
from mmgen.registry import MODULES
from torch import Tensor

from .base import Transform
from .matrices import PointsLike, point_pairs

__all__ = ['ThinPlateSpline']

_CLOSE = 1e-6  # nearer points count as equal, and a triangle as flat as a line


def _kernel(points: Tensor, centres: Tensor) -> Tensor:
    """Return ``r² log r`` between (..., 2) points and (k, 2) centres: (..., k)."""
    square = (points[..., None, :] - centres).square().sum(-1)  # [..., k]
    # The bound keeps the slope finite at r = 0, where it is multiplied by 0.
    return 0.5 * square * square.clamp_min(torch.finfo(square.dtype).tiny).log()


def _with_one(points: Tensor) -> Tensor:
    return torch.cat([torch.ones_like(points[..., :1]), points], dim=-1)


def _fit_spline(centres: Tensor, values: Tensor, regularisation: float = 0.0) -> Tensor:
    """Return the coefficients (k + 3, m) of the spline that fits values (k, m) at centres (k, 2).

    It minimises ``Σ |f(centre_i) - value_i|² + regularisation · bending energy`` (both up to a
    constant factor): 0 meets the values exactly, and a large number leaves the best affine map.
    """
    count = len(centres)
    kernel = _kernel(centres, centres)
    kernel = kernel + regularisation * torch.eye(count, dtype=kernel.dtype)
    affine = _with_one(centres)  # [k3]
    corner = affine.new_zeros(3, 3)
    system = torch.cat([torch.cat([kernel, affine], 1), torch.cat([affine.T, corner], 1)])
    return torch.linalg.solve(system, torch.cat([values, values.new_zeros(3, values.shape[1])]))


def _evaluate_spline(points: Tensor, centres: Tensor, coefficients: Tensor) -> Tensor:
    """Evaluate a spline at (..., 2) points: (..., m)."""
    count = len(centres)
    bent = _kernel(points, centres) @ coefficients[:count]
    return bent + _with_one(points) @ coefficients[count:]


def _check_spread(name: str, points: Tensor) -> None:
    """Refuse points that coincide, or lie on one line."""
    distance = torch.pdist(points)
    if distance.min() < _CLOSE:
        raise ValueError(f'{name} points must differ, but two of {points.tolist()} are equal')
    if torch.linalg.svdvals(points - points.mean(0))[1] < _CLOSE:
        raise ValueError(f'{name} points must not all lie on a line, but got {points.tolist()}')


@MODULES.register_module()
class ThinPlateSpline(Transform):
    """The smooth motion that takes points to others, and bends the least in between.

    The spline runs from destination to source points, so that warping evaluates it directly;
    :func:`mmgen_bdinvert.geometry.inverse` solves it numerically. It ignores the aspect of maps
    that are not square.

    Args:
        source (Tensor | Sequence): k >= 3 points (x, y) in normalised coordinates, not all on one
            line. Points at the corners that stay where they are hold the border.
        destination (Tensor | Sequence): Where they go. Gradients reach tensors that require them.
        regularisation (float): Weight of bending against the distance that is left to the points;
            0 moves every point exactly. Defaults to 0.0.

    Raises:
        TypeError, ValueError: If there are fewer than 3 pairs of numbers, points of a side coincide
            or lie on one line, or ``regularisation`` is negative.
    """

    def __init__(self, source: PointsLike, destination: PointsLike, regularisation: float = 0.0):
        source, self._centres = point_pairs(source, destination, 3)
        if not 0 <= regularisation < float('inf'):
            raise ValueError(f'regularisation must be 0 or more, but got {regularisation}')
        _check_spread('source', source.detach())
        _check_spread('destination', self._centres.detach())
        self._coefficients = _fit_spline(self._centres, source, regularisation)

    def flow(self, points: Tensor, *, aspect: float = 1.0) -> Tensor:
        """Return where destination points come from."""
        return _evaluate_spline(points, self._centres, self._coefficients)

    def describe(self) -> str:
        """Return the number of point pairs."""
        return f'thin-plate spline of {len(self._centres)} points'
