# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Transforms one after the other, and undone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmgen.registry import MODULES
from torch import Tensor

from .base import Transform, normalise_matrix
from .flow_inverse import invert_flow
from .matrices import TransformLike, as_transform

__all__ = ['Composition', 'Inverse', 'compose', 'inverse']


@MODULES.register_module()
class Composition(Transform):
    """Transforms one after the other, as one motion that samples once.

    Args:
        transforms (Sequence[Transform | Tensor | dict]): The first acts first. A dict is built by
            the registry ``MODULES``.

    Raises:
        TypeError: If one is none of these.
        ValueError: If there is none.
    """

    def __init__(self, transforms: Sequence[TransformLike | dict]):
        built = (MODULES.build(t) if isinstance(t, dict) else t for t in transforms)
        self.transforms = tuple(map(as_transform, built))
        if not self.transforms:
            raise ValueError('a composition needs at least one transform, but got none')

    def matrix(self, *, aspect: float = 1.0) -> Tensor | None:
        """Return the product of the matrices, or None if one of them has none."""
        product = torch.eye(3, dtype=torch.float64)
        for transform in self.transforms:
            matrix = transform.matrix(aspect=aspect)
            if matrix is None:
                return None
            product = matrix @ product
        return product

    def flow(self, points: Tensor, *, aspect: float = 1.0) -> Tensor:
        """Go back through the transforms, the last one first."""
        for transform in reversed(self.transforms):
            points = transform.source_points(points, aspect=aspect)
        return points

    def describe(self) -> str:
        """Return the transforms in their order."""
        return ', then '.join(transform.describe() for transform in self.transforms)


class Inverse(Transform):
    """A transform undone; :func:`inverse` builds it."""

    def __init__(self, undone: Transform):
        self.undone = undone

    def matrix(self, *, aspect: float = 1.0) -> Tensor | None:
        """Return the inverse matrix, or None for a flow."""
        return self.undone.inverse_matrix(aspect=aspect)

    def inverse_matrix(self, *, aspect: float = 1.0) -> Tensor | None:
        """Return the matrix that is undone, or None for a flow."""
        matrix = self.undone.matrix(aspect=aspect)
        return None if matrix is None else normalise_matrix(matrix)

    def flow(self, points: Tensor, *, aspect: float = 1.0) -> Tensor:
        """Return where the motion that is undone takes points to."""
        return invert_flow(
            lambda guess: self.undone.source_points(guess, aspect=aspect),
            points,
            name=self.undone.describe(),
        )

    def describe(self) -> str:
        """Return what is undone."""
        return f'undone: {self.undone.describe()}'


def compose(*transforms: TransformLike) -> Transform:
    """Return the motion by several transforms, the first of them first.

    The points go through all of them before the map is sampled once, so nothing is blurred twice
    and nothing that only leaves the view in between is lost.

    Args:
        *transforms (Transform | Tensor): Transforms, or (3, 3) forward matrices, in any mixture.

    Returns:
        Transform: Their composition.

    Raises:
        TypeError: If one is neither.
        ValueError: If none is given, or a matrix is of another shape.
    """
    return Composition(transforms)


def inverse(transform: TransformLike) -> Transform:
    """Return the motion that undoes another.

    Matrices are inverted exactly. A flow is solved by Newton's method to 1e-9 of the map's half
    width, and refused where it folds; each part of a composition is inverted on its own.

    Args:
        transform (Transform | Tensor): A transform, or a (3, 3) forward matrix.

    Returns:
        Transform: Its inverse. Gradients reach the parameters of ``transform``.

    Raises:
        TypeError: If it is neither. Using the inverse raises a ValueError where there is none.
    """
    transform = as_transform(transform)
    if isinstance(transform, Inverse):
        return transform.undone
    if isinstance(transform, Composition):
        return Composition([inverse(part) for part in reversed(transform.transforms)])
    return Inverse(transform)
