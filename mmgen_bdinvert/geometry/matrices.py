# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Transforms given as a matrix, or as the four corners of a perspective."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Union

import torch
from mmgen.registry import MODULES
from torch import Tensor

from .base import Transform, invert_matrix

__all__ = ['MatrixTransform', 'PerspectiveTransform']

TransformLike = Union[Transform, Tensor]
PointsLike = Union[Tensor, Sequence[Sequence[float]]]


def _as_numbers(rule: str, values: Tensor | Sequence) -> Tensor:
    """Return values as a float64 tensor on the CPU, with their autograd history."""
    if not isinstance(values, Tensor):
        try:
            values = torch.tensor(values, dtype=torch.float64)
        except (TypeError, ValueError, OverflowError, RuntimeError) as error:
            raise TypeError(f'{rule}, but got {values!r}') from error
    return values.cpu().double()


def as_points(name: str, points: PointsLike, minimum: int) -> Tensor:
    """Return at least ``minimum`` finite points as a (k, 2) float64 tensor on the CPU."""
    points = _as_numbers(f'{name} must be points (x, y)', points)
    if points.dim() != 2 or points.shape[1] != 2 or len(points) < minimum:
        raise ValueError(
            f'{name} must be at least {minimum} points (x, y), but got shape {tuple(points.shape)}'
        )
    if not bool(torch.isfinite(points).all()):
        raise ValueError(f'{name} must be finite, but got {points.tolist()}')
    return points


def point_pairs(source: PointsLike, destination: PointsLike, minimum: int) -> tuple[Tensor, Tensor]:
    """Return point pairs as two (k, 2) float64 tensors; see :func:`as_points`."""
    source = as_points('source points', source, minimum)
    destination = as_points('destination points', destination, minimum)
    if len(source) != len(destination):
        raise ValueError(
            f'every source point needs its destination, but got {len(source)} and '
            f'{len(destination)} points'
        )
    return source, destination


@MODULES.register_module()
class MatrixTransform(Transform):
    """Any affine or perspective transform, given by its matrix.

    Args:
        matrix (Tensor | Sequence): (3, 3) forward matrix in normalised coordinates. Gradients
            reach a tensor that requires them.

    Raises:
        TypeError, ValueError: If it is not a 3x3 matrix of numbers.
    """

    def __init__(self, matrix: Tensor | Sequence[Sequence[float]]):
        self._matrix = _as_numbers('a matrix must be 3x3 numbers', matrix)
        if self._matrix.shape != (3, 3):
            shape = tuple(self._matrix.shape)
            raise ValueError(f'a matrix must be of shape (3, 3), but got shape {shape}')

    def matrix(self, *, aspect: float = 1.0) -> Tensor:
        """Return the (3, 3) float64 forward matrix; the size of the map does not matter."""
        return self._matrix

    def describe(self) -> str:
        """Return the rows of the matrix."""
        rows = ('  '.join(f'{value:.3g}' for value in row) for row in self._matrix.tolist())
        return f'matrix {"; ".join(rows)}'


@MODULES.register_module()
class PerspectiveTransform(MatrixTransform):
    """The perspective that moves four points, such as the corners, to four others.

    Args:
        source (Tensor | Sequence): k >= 4 points (x, y) in normalised coordinates.
        destination (Tensor | Sequence): Where they go. Four pairs are met exactly; of more, the
            algebraic error is the least. Gradients reach tensors that require them.

    Raises:
        TypeError, ValueError: If the points are not numbers or too few, their numbers differ, or
            they determine no perspective that sees all of them and the centre.
    """

    def __init__(self, source: PointsLike, destination: PointsLike):
        source, destination = point_pairs(source, destination, 4)
        x, y = source.T
        ones, zeros = torch.ones_like(x), torch.zeros_like(x)
        rows, values = [], []
        # x' (g x + h y + 1) = a x + b y + c, and the same for y': two equations a pair.
        for i, row in enumerate(([x, y, ones] + 3 * [zeros], 3 * [zeros] + [x, y, ones])):
            moved = destination[:, i]
            rows.append(torch.stack([*row, -moved * x, -moved * y], dim=1))
            values.append(moved)
        system, values = torch.cat(rows), torch.cat(values)  # [(2k)8], [(2k)]
        size = torch.linalg.svdvals(system.detach())
        if size[-1] > 1e-9 * size[0]:
            entries = torch.linalg.lstsq(system, values[:, None]).solution[:, 0]
            matrix = torch.cat([entries, entries.new_ones(1)]).view(3, 3)
            weights = (source @ matrix[2, :2] + 1).detach()
        if size[-1] <= 1e-9 * size[0] or bool((weights <= 0).any()):
            raise ValueError(
                'a perspective needs four corners in order around a convex shape, no three of '
                f'them on a line, but got {source.tolist()} to {destination.tolist()}'
            )
        invert_matrix(matrix)  # three destinations on a line give a matrix that is singular
        super().__init__(matrix)
        self._pairs = source.detach(), destination.detach()

    def part(self, share: float) -> PerspectiveTransform:
        """Return the perspective that moves the points a share of their way, 1 for all of it."""
        source, destination = self._pairs
        return PerspectiveTransform(source, source + share * (destination - source))

    def describe(self) -> str:
        """Return where the points go."""
        source, destination = (
            ' '.join(f'({x:.3g}, {y:.3g})' for x, y in points.tolist()) for points in self._pairs
        )
        return f'perspective {source} to {destination}'


def as_transform(transform: TransformLike) -> Transform:
    """Return a transform, or that of a (3, 3) forward matrix."""
    if isinstance(transform, Tensor):
        return MatrixTransform(transform)
    if not isinstance(transform, Transform):
        raise TypeError(
            'transform must be a GeometricTransform or another Transform, or a 3x3 tensor, but got '
            f'{type(transform).__name__}'
        )
    return transform
