# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The way to a motion: what an animation shows between the start and the whole of it."""

from __future__ import annotations

from .base import Transform
from .composition import Composition, Inverse, inverse
from .matrices import PerspectiveTransform
from .transform import GeometricTransform

__all__ = ['part_of']


def part_of(motion: Transform, share: float) -> Transform:
    """Return the motion that has gone a share of the way from no motion to another.

    Shift, angles and the positions of perspective corners grow evenly with the share, a scale by
    even factors. Each part of a composition goes its own way at the same time.

    Args:
        motion (Transform): A :class:`GeometricTransform` without flip, a
            :class:`PerspectiveTransform`, a composition or the inverse of such.
        share (float): 0 is no motion, 1 is ``motion``.

    Returns:
        Transform: The motion on the way.

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
            f'A motion is shown on its way by shift, rotation, scale, shear and perspective, but '
            f'got {what}, which has nothing in between.'
        )
    dx, dy = motion.shift
    return GeometricTransform(
        (share * dx, share * dy),
        share * motion.rotate,
        motion.scale**share,
        shear=share * motion.shear,
    )
