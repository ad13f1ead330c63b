# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Motions from landmarks."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .matrices import PointsLike, as_points, point_pairs
from .transform import GeometricTransform

__all__ = ['estimate_similarity', 'normalise_points']


def normalise_points(pixels: PointsLike, size: int | tuple[int, int]) -> Tensor:
    """Turn pixel positions into normalised coordinates: (k, 2) float64, (x, y).

    Args:
        pixels (Tensor | Sequence): k points (column, row); (0, 0) is the centre of the first pixel.
        size (int | tuple[int, int]): The side of a square map, or its (height, width).

    Raises:
        TypeError, ValueError: If the points are not numbers, not finite or not of shape (k, 2).
    """
    height, width = size if isinstance(size, (tuple, list)) else (size, size)
    pixels = as_points('pixels', pixels, 1)
    return (2 * pixels + 1) / pixels.new_tensor([width, height]) - 1


def estimate_similarity(
    source: PointsLike, destination: PointsLike, *, aspect: float = 1.0
) -> GeometricTransform:
    """Fit a scale, rotation and shift to landmarks by least squares; no shear, no flip.

    With the landmarks of an aligned face as ``source`` and those of a photo as ``destination``, the
    result is the motion by which the photo left alignment.

    Args:
        source (Tensor | Sequence): k >= 2 points (x, y) in normalised coordinates, not all equal.
        destination (Tensor | Sequence): Where they go, in the same order.
        aspect (float): Width over height of the map in pixels. Defaults to 1.0.

    Raises:
        TypeError, ValueError: If the points are not numbers or too few, their numbers differ, or
            the points of a side are all equal.
    """
    source, destination = point_pairs(source, destination, 2)
    # As complex numbers in units of half the height, a similarity is z -> a z + b.
    unit = source.new_tensor([aspect, 1.0])
    sides = (source.detach() * unit, destination.detach() * unit)
    z, moved = map(torch.view_as_complex, sides)
    spread, turned = z - z.mean(), moved - moved.mean()
    power = (spread.abs() ** 2).sum().item()
    factor = complex((spread.conj() * turned).sum().item()) / power if power > 1e-12 else 0
    if abs(factor) < 1e-6:
        raise ValueError(
            'landmarks of a similarity must be two or more that differ on both sides, but got '
            f'{source.tolist()} to {destination.tolist()}'
        )
    offset = complex(moved.mean().item()) - factor * complex(z.mean().item())
    return GeometricTransform(
        shift=(offset.real / aspect / 2, offset.imag / 2),
        rotate=-math.degrees(math.atan2(factor.imag, factor.real)),  # y points down
        scale=abs(factor),
    )
