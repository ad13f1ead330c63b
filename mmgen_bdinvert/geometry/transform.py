# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Geometric transforms T of an image and T' of its base code.

Section 3 of the BDInvert paper moves a face by moving its base code: ``T(I) ~ G(T'(f), w_M+)``,
where T' is T itself in normalised coordinates. Image and base code therefore share one function
(:func:`~mmgen_bdinvert.geometry.warping.warp`), one set of parameters (:class:`GeometricTransform`)
and one convention.

Convention
----------
* Coordinates are normalised: x points right, y points down, and [-1, 1] spans a map from pixel
  *edge* to pixel edge (``align_corners=False``), whatever the size of the map.
* ``shift=(dx, dy)`` is a fraction of the image's width and height: a positive ``dx`` moves the
  content right, a positive ``dy`` moves it down. 0.25 is 16 pixels of a 64-pixel image and
  4 cells of its 16x16 base code.
* ``rotate`` is in degrees: a positive angle turns the content counter-clockwise as seen.
* ``scale`` above 1 enlarges the content about the image centre, below 1 shrinks it.
* ``flip`` mirrors the content left-right.
* Order: flip, then scale, then rotate, then shift.
* A matrix is 3x3 and maps normalised *source* points (x, y, 1) to *destination* points.
* Maps need not be square: rotation and scale are rigid in pixels. A :class:`GeometricTransform`
  looks at the size of the map for that; a matrix is taken as it is.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from torch import Tensor

# A matrix worse conditioned than this (a scale or a shift of a million) cannot be inverted safely.
_MAX_CONDITION = 1e12
_QUARTER_TURNS = {0.0: (1.0, 0.0), 90.0: (0.0, 1.0), 180.0: (-1.0, 0.0), 270.0: (0.0, -1.0)}


def _finite(name: str, value: Any) -> float:
    """Return ``value`` as a float, or say that ``name`` must be a finite number."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f'{name} must be a number, but got {value!r} ({type(value).__name__})')
    if not math.isfinite(value):
        raise ValueError(f'{name} must be a finite number, but got {value}')
    return float(value)


def invert_matrix(matrix: Tensor) -> Tensor:
    """Return the inverse of a (3, 3) matrix that sends the source centre to weight 1."""
    weight = matrix[2, 2].item()
    if not bool(torch.isfinite(matrix).all()) or weight == 0:
        raise ValueError(
            f'a matrix must be finite, its last entry not 0, but got {matrix.tolist()}'
        )
    matrix = matrix / matrix[2, 2]
    # Written as "not <=" because the condition number of a singular matrix may be NaN.
    if not torch.linalg.cond(matrix.detach()).item() <= _MAX_CONDITION:
        raise ValueError(f'a matrix must be invertible, but got {matrix.tolist()}')
    return torch.linalg.inv(matrix)


@dataclass(frozen=True)
class GeometricTransform:
    """A flip, a scale, a rotation and a shift, applied in that order.

    The signs and units are those of the Convention block of this module.

    Args:
        shift (tuple[float, float]): Motion to the right and down, as a fraction of the image's
            width and height. Defaults to (0.0, 0.0).
        rotate (float): Counter-clockwise angle in degrees. Defaults to 0.0.
        scale (float): Enlargement about the image centre, above 0. Defaults to 1.0.
        flip (bool): Whether to mirror left-right first. Defaults to False.

    Raises:
        TypeError: If a parameter is not of the type above.
        ValueError: If a number is not finite, ``shift`` has not two of them, or ``scale <= 0``.
    """

    shift: tuple[float, float] = (0.0, 0.0)
    rotate: float = 0.0
    scale: float = 1.0
    flip: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.shift, (tuple, list)) or len(self.shift) != 2:
            raise ValueError(f'shift must be a pair (dx, dy) of numbers, but got {self.shift!r}')
        shift = (_finite('shift dx', self.shift[0]), _finite('shift dy', self.shift[1]))
        scale = _finite('scale', self.scale)
        if scale <= 0:
            raise ValueError(f'scale must be above 0, but got {scale}; use flip=True to mirror')
        if not isinstance(self.flip, bool):
            raise TypeError(f'flip must be True or False, but got {self.flip!r}')
        # The dataclass is frozen: the checked plain numbers have to be stored past its guard.
        object.__setattr__(self, 'shift', shift)
        object.__setattr__(self, 'rotate', _finite('rotate', self.rotate))
        object.__setattr__(self, 'scale', scale)

    @property
    def is_identity(self) -> bool:
        """Whether the transform moves nothing (a rotation by full turns included)."""
        return (
            self.shift == (0.0, 0.0)
            and self.rotate % 360 == 0
            and self.scale == 1
            and not self.flip
        )

    def matrix(self, *, aspect: float = 1.0) -> Tensor:
        """Return the forward matrix, from source to destination points.

        Args:
            aspect (float): Width over height of the map in pixels. Defaults to 1.0.

        Returns:
            Tensor: (3, 3) float64 on the CPU, in normalised coordinates.

        Raises:
            TypeError: If ``aspect`` is not a number.
            ValueError: If ``aspect`` is not finite and above 0.
        """
        if _finite('aspect', aspect) <= 0:
            raise ValueError(f'aspect must be above 0, but got {aspect}')
        turn = self.rotate % 360
        radians = math.radians(turn)
        # Quarter turns are exact, so that they permute pixels without interpolating them.
        cos, sin = _QUARTER_TURNS.get(turn, (math.cos(radians), math.sin(radians)))
        cos, sin = self.scale * cos, self.scale * sin
        mirror = -1.0 if self.flip else 1.0
        return torch.tensor(
            [
                [mirror * cos, sin / aspect, 2 * self.shift[0]],
                [-mirror * sin * aspect, cos, 2 * self.shift[1]],
                [0.0, 0.0, 1.0],
            ],
            dtype=torch.float64,
        )

    def inverse_matrix(self, *, aspect: float = 1.0) -> Tensor:
        """Return the (3, 3) float64 matrix from destination to source points.

        Args:
            aspect (float): As in :meth:`matrix`. Defaults to 1.0.

        Raises:
            TypeError: As :meth:`matrix`.
            ValueError: As :meth:`matrix`, or if the transform is too extreme to be inverted.
        """
        return invert_matrix(self.matrix(aspect=aspect))

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters as plain values that JSON can hold."""
        return {**asdict(self), 'shift': list(self.shift)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> GeometricTransform:
        """Build a transform from what :meth:`to_dict` returns; absent keys take their defaults.

        Raises:
            TypeError: If ``values`` is not a mapping.
            ValueError: If ``values`` has an unknown key.
        """
        if not isinstance(values, Mapping):
            raise TypeError(f'a transform is read from a dict, but got {type(values).__name__}')
        known = [field.name for field in fields(cls)]
        unknown = [key for key in values if key not in known]
        if unknown:
            raise ValueError(f'a transform has the keys {known}, but got {unknown}')
        return cls(**values)
