# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Transforms one after the other, undone, and in part."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmgen.registry import MODULES
from torch import Tensor

from .base import Transform, normalise_matrix
from .flow_inverse import invert_flow
from .matrices import PerspectiveTransform, TransformLike, as_transform
from .transform import GeometricTransform

__all__ = ['Composition', 'compose', 'inverse', 'part_of']


@MODULES.register_module()
class Composition(Transform):
    """Transforms one after the other, as one motion that samples once.

    Args:
        transforms (Sequence[Transform | Tensor | dict]): The first acts first. A dict is built by
            the registry ``MODULES``.

    Raises:
        TypeError, ValueError: If one is none of these, or there is none.
    """

    def __init__(self, transforms: Sequence[TransformLike | dict]):
        built = (MODULES.build(t) if isinstance(t, dict) else t for t in transforms)
        self.transforms = tuple(map(as_transform, built))
        if not self.transforms:
            raise ValueError('a composition needs at least one transform, but got none')

    def matrix(self, *, aspect: float = 1.0) -> Tensor | None:
        product = torch.eye(3, dtype=torch.float64)
        for transform in self.transforms:
            matrix = transform.matrix(aspect=aspect)
            if matrix is None:
                return None
            product = matrix @ product
        return product

    def flow(self, points: Tensor, *, aspect: float = 1.0) -> Tensor:
        for transform in reversed(self.transforms):
            points = transform.source_points(points, aspect=aspect)
        return points

    def describe(self) -> str:
        return ', then '.join(transform.describe() for transform in self.transforms)


class Inverse(Transform):
    """A transform undone; :func:`inverse` builds it."""

    def __init__(self, undone: Transform):
        self.undone = undone

    def matrix(self, *, aspect: float = 1.0) -> Tensor | None:
        return self.undone.inverse_matrix(aspect=aspect)

    def inverse_matrix(self, *, aspect: float = 1.0) -> Tensor | None:
        matrix = self.undone.matrix(aspect=aspect)
        return None if matrix is None else normalise_matrix(matrix)

    def flow(self, points: Tensor, *, aspect: float = 1.0) -> Tensor:
        return invert_flow(
            lambda guess: self.undone.source_points(guess, aspect=aspect),
            points,
            name=self.undone.describe(),
        )

    def describe(self) -> str:
        return f'undone: {self.undone.describe()}'


def compose(*transforms: TransformLike) -> Transform:
    """Return the motion by several transforms or (3, 3) forward matrices, the first of them first.

    The points go through all of them before the map is sampled once, so nothing is blurred twice
    and nothing that only leaves the view in between is lost.

    Raises:
        TypeError, ValueError: If one is neither, a matrix is of another shape, or none is given.
    """
    return Composition(transforms)


def inverse(transform: TransformLike) -> Transform:
    """Return the motion that undoes a transform or a (3, 3) forward matrix.

    Matrices are inverted exactly. A flow is solved by Newton's method to 1e-9 of the map's half
    width, and refused where it folds; each part of a composition is inverted on its own. Gradients
    reach the parameters of ``transform``.

    Raises:
        TypeError: If it is neither. Using the inverse raises a ValueError where there is none.
    """
    transform = as_transform(transform)
    if isinstance(transform, Inverse):
        return transform.undone
    if isinstance(transform, Composition):
        return Composition([inverse(part) for part in reversed(transform.transforms)])
    return Inverse(transform)


def part_of(motion: Transform, share: float) -> Transform:
    """Return the motion at a share of the way from no motion to another, as an animation shows it.

    Shift, angles and the positions of perspective corners grow linearly with the share, a scale
    geometrically. Each part of a composition goes its own way at the same time.

    Args:
        motion (Transform): A :class:`GeometricTransform` without flip, a
            :class:`PerspectiveTransform`, a composition or the inverse of such.
        share (float): 0 is no motion, 1 is ``motion``.

    Raises:
        ValueError: ``motion`` is of another kind, or flips.
    """
    if isinstance(motion, Composition):
        return Composition([part_of(part, share) for part in motion.transforms])
    if isinstance(motion, Inverse):
        return inverse(part_of(motion.undone, share))
    if isinstance(motion, PerspectiveTransform):
        return motion.part(share)
    if not isinstance(motion, GeometricTransform) or motion.flip:
        what = 'a flip' if isinstance(motion, GeometricTransform) else type(motion).__name__
        raise ValueError(
            f'An animation shows parts of shift, rotation, scale, shear and perspective, but got '
            f'{what}, which has nothing in between.'
        )
    dx, dy = motion.shift
    return GeometricTransform(
        (share * dx, share * dy),
        share * motion.rotate,
        motion.scale**share,
        shear=share * motion.shear,
    )
