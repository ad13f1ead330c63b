# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Random motions, as augmentation needs them."""

from __future__ import annotations

import math

import torch
from mmgen.registry import MODULES

from ..utils.numbers import finite_number
from .transform import GeometricTransform

__all__ = ['RandomTransform']


@MODULES.register_module()
class RandomTransform:
    """Draws a :class:`GeometricTransform` whose parameters are uniform in given ranges.

    Images and base codes moved by the same draw stay a pair: ``transform_image(I, t)`` and
    ``transform_base(f, t)``.

    Args:
        shift (float): Largest shift to each side, as a fraction of the image. Defaults to 0.0.
        rotate (float): Largest angle to each side in degrees. Defaults to 0.0.
        scale (tuple[float, float]): Smallest and largest scale; uniform in its logarithm. Defaults
            to (1.0, 1.0).
        shear (float): Largest angle to each side in degrees. Defaults to 0.0.
        flip (float): Probability of mirroring. Defaults to 0.0.

    Raises:
        TypeError, ValueError: If a range is not a number, negative, not finite or not in order.
    """

    def __init__(
        self,
        shift: float = 0.0,
        rotate: float = 0.0,
        scale: tuple[float, float] = (1.0, 1.0),
        shear: float = 0.0,
        flip: float = 0.0,
    ):
        limits = {'shift': math.inf, 'rotate': math.inf, 'shear': 90, 'flip': math.nextafter(1, 2)}
        for (name, limit), value in zip(limits.items(), (shift, rotate, shear, flip)):
            if not 0 <= finite_number(f'{name} of random transforms', value) < limit:
                raise ValueError(f'{name} of random transforms is out of range: got {value}')
        if len(scale) != 2 or not 0 < scale[0] <= scale[1] < math.inf:
            raise ValueError(
                f'scale of random transforms must be two numbers, 0 < low <= high, but got {scale}'
            )
        self.shift, self.rotate, self.shear, self.flip = shift, rotate, shear, flip
        self.scale = tuple(scale)

    def sample(self, rng: torch.Generator) -> GeometricTransform:
        """Draw one transform; the same state of the CPU generator gives the same transform."""
        uniform = torch.rand(6, generator=rng, dtype=torch.float64).tolist()
        dx, dy, rotate, scale, shear, flip = uniform
        low, high = map(math.log, self.scale)
        return GeometricTransform(
            shift=(self.shift * (2 * dx - 1), self.shift * (2 * dy - 1)),
            rotate=self.rotate * (2 * rotate - 1),
            scale=math.exp(low + scale * (high - low)),
            shear=self.shear * (2 * shear - 1),
            flip=flip < self.flip,
        )
