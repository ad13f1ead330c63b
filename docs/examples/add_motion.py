# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A motion of one's own, of images and of base codes."""

import torch
from mmgen.registry import MODULES
from torch import Tensor

from mmgen_bdinvert.geometry import Transform


@MODULES.register_module()
class Swirl(Transform):
    """A rotation that fades with the distance from the centre.

    Args:
        rotate (float): Counter-clockwise angle at the centre, in degrees.
        radius (float): Distance at which nothing moves any more, 1 is half the image.
    """

    def __init__(self, rotate: float, radius: float = 1.0):
        self.rotate, self.radius = rotate, radius

    def flow(self, points: Tensor, *, aspect: float = 1.0) -> Tensor:
        """Return where destination points (..., 2) come from; y points down."""
        x, y = points[..., 0] * aspect, points[..., 1]
        fade = (1 - (x**2 + y**2) / self.radius**2).clamp(min=0) ** 2  # smooth: it is inverted
        angle = torch.deg2rad(self.rotate * fade)  # back, where the point was before
        cos, sin = torch.cos(angle), torch.sin(angle)
        return torch.stack([(cos * x - sin * y) / aspect, sin * x + cos * y], dim=-1)

    def describe(self) -> str:
        """Say it in a few words, for reports."""
        return f'swirl {self.rotate:g}'
