# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A window: the square of a photo that the generator sees, and the map between the two.

Convention
----------
* Positions in a photo are pixels from its left and upper *edge*, so that a photo of W x H pixels
  spans [0, W] x [0, H]; positions in a window are normalised as everywhere
  (:mod:`mmgen_bdinvert.geometry.transform`): [-1, 1] from edge to edge.
* ``x, y`` is the upper left corner of the square as it is before it is turned about its centre, by
  ``angle`` degrees, counter-clockwise as seen.
* A window may lie partly beyond the border of its photo, which repeats its edge there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..geometry.sampling import pixel_centres
from ..io import image_to_tensor, tensor_to_image

__all__ = ['MIN_SIDE', 'Window', 'centre_window', 'check_photo', 'cut']

MIN_SIDE = 16  # pixels; of a window, and of a photo
_LARGEST = 4  # sides of a photo that a window may have


@dataclass(frozen=True)
class Window:
    """A square of a photo, in the convention of this module.

    Args:
        x (float): Left side of the square before it is turned.
        y (float): Its upper side.
        size (float): Its side in pixels.
        angle (float): Degrees by which it is turned about its centre. Defaults to 0.0.

    Raises:
        ValueError: A number is not finite, or the side has less than 16 pixels.
    """

    x: float
    y: float
    size: float
    angle: float = 0.0

    def __post_init__(self) -> None:
        values = [float(value) for value in (self.x, self.y, self.size, self.angle)]
        if not all(map(math.isfinite, values)):
            raise ValueError(f'a window is X Y SIZE [ANGLE] in finite numbers, but got {values}')
        if values[2] < MIN_SIDE:
            raise ValueError(f'a window has a side of {MIN_SIDE} pixels or more, but got {self}')
        for name, value in zip(('x', 'y', 'size', 'angle'), values):
            object.__setattr__(self, name, value)

    def __str__(self) -> str:
        turn = f' {self.angle:g}' if self.angle else ''
        return f'{self.x:g} {self.y:g} {self.size:g}{turn}'

    @property
    def centre(self) -> Tensor:
        """Tensor: Position of its centre in the photo, (2,) float64."""
        return torch.tensor([self.x, self.y], dtype=torch.float64) + self.size / 2

    def to_photo(self, points: Tensor) -> Tensor:
        """Map normalised points (..., 2) of the window to positions in the photo, float64."""
        return points.double() @ self._axes + self.centre

    def to_window(self, positions: Tensor) -> Tensor:
        """Map positions (..., 2) in the photo to normalised points of the window, float64."""
        return (positions.double() - self.centre) @ torch.linalg.inv(self._axes)

    @property
    def _axes(self) -> Tensor:
        turn = math.radians(self.angle)
        cos, sin = math.cos(turn), math.sin(turn)
        return torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.float64) * self.size / 2

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return the part of a photo that the window touches: left, upper, right, lower.

        Raises:
            ValueError: There is none, or the window is too large for the photo.
        """
        corners = self.to_photo(torch.tensor([[-1.0, -1], [1, -1], [1, 1], [-1, 1]]))
        low, high = corners.amin(0).floor().tolist(), corners.amax(0).ceil().tolist()
        box = max(0, low[0]), max(0, low[1]), min(width, high[0]), min(height, high[1])
        if box[0] >= box[2] or box[1] >= box[3]:
            raise ValueError(f'a window lies in its photo of {width}x{height}, but got {self}')
        if self.size > _LARGEST * max(width, height):
            raise ValueError(
                f'a window has at most {_LARGEST} times the longer side of its photo of '
                f'{width}x{height}, but got {self}'
            )
        return tuple(map(int, box))  # type: ignore[return-value]


def check_photo(width: int, height: int) -> None:
    """Refuse a photo in which nothing can be looked for."""
    if min(width, height) < MIN_SIDE:
        raise ValueError(f'a photo has {MIN_SIDE} pixels a side or more, but got {width}x{height}')


def centre_window(width: int, height: int) -> Window:
    """Return the largest square about the centre of a photo."""
    check_photo(width, height)
    side = min(width, height)
    return Window((width - side) / 2, (height - side) / 2, side)


def cut(photo: Image.Image, window: Window, size: int) -> np.ndarray:
    """Return what a window of a photo shows.

    Args:
        photo (Image.Image): Mode ``'RGB'``.
        window (Window): The window.
        size (int): Side of the result in pixels.

    Returns:
        np.ndarray: RGB uint8 (size, size, 3).

    Raises:
        ValueError: The photo is too small, or the window is none of this photo.
    """
    check_photo(*photo.size)
    box = window.box(*photo.size)
    right, lower = window.x + window.size, window.y + window.size
    inside = min(window.x, window.y) >= 0 and right <= photo.width and lower <= photo.height
    if inside and window.angle == 0:
        sides = (window.x, window.y, right, lower)
        return np.array(photo.resize((size, size), Image.Resampling.LANCZOS, sides))
    # Only the part that is seen, with two to three of its pixels for each that is wanted.
    factor = max(1, int(window.size // (2 * size)))
    part = image_to_tensor(np.array(photo.reduce(factor, box)))
    corner = torch.tensor(box[:2], dtype=torch.float64)
    span = factor * torch.tensor([part.shape[3], part.shape[2]], dtype=torch.float64)
    points = 2 * (window.to_photo(pixel_centres(2 * size, 2 * size)) - corner) / span - 1
    seen = F.grid_sample(
        part, points.float()[None], mode='bicubic', padding_mode='border', align_corners=False
    )
    picture = Image.fromarray(tensor_to_image(seen))
    return np.array(picture.resize((size, size), Image.Resampling.LANCZOS))
