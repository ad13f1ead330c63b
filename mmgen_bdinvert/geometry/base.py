# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The base class of transforms: a map from destination points back to source points."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ['FAR', 'Transform', 'invert_matrix']

# Coordinates stay within this bound, so that pixel indices fit into integers. A point on it has no
# source, whatever the transform is composed with.
FAR = 1e4

# A matrix worse conditioned than this (a scale or a shift of a million) cannot be inverted safely.
_MAX_CONDITION = 1e12
# Beyond the horizon of a perspective, where the weight reaches 0, there is no source.
_MIN_WEIGHT = 1e-9


def normalise_matrix(matrix: Tensor) -> Tensor:
    """Return a (3, 3) matrix with its last entry 1, so that the centre is in front."""
    weight = matrix[2, 2].item()
    if not bool(torch.isfinite(matrix).all()) or weight == 0:
        values = matrix.tolist()
        raise ValueError(f'a matrix must be finite, its last entry not 0, but got {values}')
    return matrix / matrix[2, 2]


def invert_matrix(matrix: Tensor) -> Tensor:
    """Return the inverse of a (3, 3) matrix that sends the source centre to weight 1."""
    matrix = normalise_matrix(matrix)
    # Written as "not <=" because the condition number of a singular matrix may be NaN.
    if not torch.linalg.cond(matrix.detach()).item() <= _MAX_CONDITION:
        raise ValueError(f'a matrix must be invertible, but got {matrix.tolist()}')
    return torch.linalg.inv(matrix)


def project(matrix: Tensor, points: Tensor) -> Tensor:
    """Map (..., 2) points by a (3, 3) matrix; what lies beyond its horizon goes to ``FAR``."""
    moved = points @ matrix[:, :2].T + matrix[:, 2]  # [..., 3]
    point, weight = moved[..., :2], moved[..., 2:]
    ahead = weight > _MIN_WEIGHT
    point = point / torch.where(ahead, weight, torch.ones_like(weight))
    return torch.where(ahead, point, torch.full_like(point, FAR))


class Transform:
    """A motion of what a map shows, in the convention of :mod:`mmgen_bdinvert.geometry.transform`.

    A subclass implements :meth:`matrix`, or :meth:`flow` for a motion that has none; all others
    call only :meth:`source_points`. ``aspect`` is the width of a map over its height in pixels.
    """

    def matrix(self, *, aspect: float = 1.0) -> Tensor | None:
        """Return the forward matrix, from source to destination points, or None for a flow.

        It is (3, 3) float64 on the CPU, in normalised coordinates.
        """
        return None

    def inverse_matrix(self, *, aspect: float = 1.0) -> Tensor | None:
        """Return the matrix from destination to source points, or None for a flow.

        Raises:
            ValueError: If the transform is too extreme to be inverted.
        """
        matrix = self.matrix(aspect=aspect)
        return None if matrix is None else invert_matrix(matrix)

    def flow(self, points: Tensor, *, aspect: float = 1.0) -> Tensor:
        """Return the source points (..., 2) of destination points, if there is no matrix.

        Args:
            points (Tensor): (..., 2) float64 on the CPU, finite, (x, y) last.
            aspect (float): Width over height of the map. Defaults to 1.0.
        """
        raise NotImplementedError(f'{type(self).__name__} has neither a matrix nor a flow')

    def source_points(self, points: Tensor, *, aspect: float = 1.0) -> Tensor:
        """Return the source points of destination points (..., 2), (x, y) last.

        They are float64 on the CPU, so that all devices sample the same points, and ``FAR`` in
        both coordinates where there is no source.

        Raises:
            ValueError: If the transform cannot be inverted where that is needed.
        """
        points = points.cpu().double()
        nowhere = (points.abs() >= FAR).any(-1, keepdim=True)
        points = torch.where(nowhere, torch.zeros_like(points), points)
        inverse = self.inverse_matrix(aspect=aspect)
        if inverse is None:
            source = self.flow(points, aspect=aspect)
        else:
            source = project(inverse, points)
        return torch.where(nowhere, torch.full_like(source, FAR), source).clamp(-FAR, FAR)

    @property
    def is_identity(self) -> bool:
        """Whether the transform moves nothing."""
        matrix = self.matrix()
        return matrix is not None and torch.equal(matrix, torch.eye(3, dtype=matrix.dtype))

    def describe(self) -> str:
        """Return the transform in a few words."""
        return type(self).__name__
