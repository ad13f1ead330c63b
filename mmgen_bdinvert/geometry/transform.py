# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Geometric transforms T of an image and T' of its base code.

Section 3 of the BDInvert paper moves a face by moving its base code: ``T(I) ~ G(T'(f), w_M+)``,
where T' is T itself in normalised coordinates. Image and base code therefore share one function
(:func:`~mmgen_bdinvert.geometry.warping.warp`), one set of parameters (:class:`GeometricTransform`
or another :class:`~mmgen_bdinvert.geometry.base.Transform`) and one convention.

Convention
----------
* Coordinates are normalised: x points right, y points down, and [-1, 1] spans a map from pixel
  *edge* to pixel edge (``align_corners=False``), whatever the size of the map.
* ``shift=(dx, dy)`` is a fraction of the image's width and height: a positive ``dx`` moves the
  content right, a positive ``dy`` moves it down. 0.25 is 16 pixels of a 64-pixel image and
  4 cells of its 16x16 base code.
* ``rotate`` is in degrees: a positive angle turns the content counter-clockwise as seen.
* ``scale`` above 1 enlarges the content about the image centre, below 1 shrinks it.
* ``shear`` is in degrees: a positive angle leans the content's top to the right, as italics do,
  and keeps the horizontal line through the centre.
* ``flip`` mirrors the content left-right.
* Order: flip, then scale, then shear, then rotate, then shift.
* A matrix is 3x3 and maps normalised *source* points (x, y, 1) to *destination* points. Point
  pairs say the same: ``source[i]`` moves to ``destination[i]``.
* ``compose(a, b)`` moves by ``a`` first, then by ``b``.
* Maps need not be square: rotation, scale and shear are rigid in pixels. A
  :class:`GeometricTransform` looks at the size of the map for that; matrices and point pairs are
  taken as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from mmgen.registry import MODULES
from torch import Tensor

from ..utils.numbers import finite_number
from .base import Transform

__all__ = ['GeometricTransform']

_QUARTER_TURNS = {0.0: (1.0, 0.0), 90.0: (0.0, 1.0), 180.0: (-1.0, 0.0), 270.0: (0.0, -1.0)}


@MODULES.register_module()
@dataclass(frozen=True)
class GeometricTransform(Transform):
    """A flip, a scale, a shear, a rotation and a shift, applied in that order.

    The signs and units are those of the Convention block of this module.

    Args:
        shift (tuple[float, float]): Motion to the right and down, as a fraction of the image's
            width and height. Defaults to (0.0, 0.0).
        rotate (float): Counter-clockwise angle in degrees. Defaults to 0.0.
        scale (float): Enlargement about the image centre, above 0. Defaults to 1.0.
        flip (bool): Whether to mirror left-right first. Defaults to False.
        shear (float): Angle in degrees by which the top leans to the right, between -90 and 90.
            Defaults to 0.0.

    Raises:
        TypeError, ValueError: If a parameter is not of this type, not finite or out of range.
    """

    shift: tuple[float, float] = (0.0, 0.0)
    rotate: float = 0.0
    scale: float = 1.0
    flip: bool = False
    shear: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.shift, (tuple, list)) or len(self.shift) != 2:
            raise ValueError(f'shift must be a pair (dx, dy) of numbers, but got {self.shift!r}')
        shift = (finite_number('shift dx', self.shift[0]), finite_number('shift dy', self.shift[1]))
        scale = finite_number('scale', self.scale)
        if scale <= 0:
            raise ValueError(f'scale must be above 0, but got {scale}; use flip=True to mirror')
        if not isinstance(self.flip, bool):
            raise TypeError(f'flip must be True or False, but got {self.flip!r}')
        shear = finite_number('shear', self.shear)
        if abs(shear) >= 90:
            raise ValueError(f'shear must be between -90 and 90 degrees, but got {shear}')
        # The dataclass is frozen: the checked plain numbers have to be stored past its guard.
        object.__setattr__(self, 'shift', shift)
        object.__setattr__(self, 'rotate', finite_number('rotate', self.rotate))
        object.__setattr__(self, 'scale', scale)
        object.__setattr__(self, 'shear', shear)

    def matrix(self, *, aspect: float = 1.0) -> Tensor:
        """Return the forward matrix, see :meth:`Transform.matrix`.

        Raises:
            TypeError, ValueError: If ``aspect`` is not a finite number above 0.
        """
        if finite_number('aspect', aspect) <= 0:
            raise ValueError(f'aspect must be above 0, but got {aspect}')
        turn = self.rotate % 360
        radians = math.radians(turn)
        # Quarter turns are exact, so that they permute pixels without interpolating them.
        cos, sin = _QUARTER_TURNS.get(turn, (math.cos(radians), math.sin(radians)))
        cos, sin = self.scale * cos, self.scale * sin
        shear = math.tan(math.radians(self.shear))
        mirror = -1.0 if self.flip else 1.0
        return torch.tensor(
            [
                [mirror * cos, (sin - shear * cos) / aspect, 2 * self.shift[0]],
                [-mirror * sin * aspect, cos + shear * sin, 2 * self.shift[1]],
                [0.0, 0.0, 1.0],
            ],
            dtype=torch.float64,
        )

    def describe(self) -> str:
        """Return what differs from no motion, rounded, such as 'scale 0.8, shift 0.1 0'."""
        (dx, dy), parts = self.shift, []
        if self.flip:
            parts.append('flip')
        if self.scale != 1:
            parts.append(f'scale {self.scale:.3g}')
        if self.shear:
            parts.append(f'shear {self.shear:.3g}')
        if self.rotate:
            parts.append(f'rotate {self.rotate:.3g}')
        if dx or dy:
            parts.append(f'shift {dx:.3g} {dy:.3g}')
        return ', '.join(parts) or 'no motion'

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters as plain values for JSON; ``shear`` only if it is not 0."""
        values = {**asdict(self), 'shift': list(self.shift)}
        if not self.shear:
            del values['shear']
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> GeometricTransform:
        """Build a transform from what :meth:`to_dict` returns; absent keys take their defaults.

        Raises:
            TypeError, ValueError: If ``values`` is not a mapping, or has an unknown key.
        """
        if not isinstance(values, Mapping):
            raise TypeError(f'a transform is read from a dict, but got {type(values).__name__}')
        known = [field.name for field in fields(cls)]
        unknown = [key for key in values if key not in known]
        if unknown:
            raise ValueError(f'a transform has the keys {known}, but got {unknown}')
        return cls(**values)
