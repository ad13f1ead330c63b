# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Frames between codes, along directions, and towards a motion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ..editing import StyleEdit
from ..geometry import GeometricTransform, Transform, inverse, part_of
from ..photos import InPhoto
from ..structures import LatentCode
from ..utils.numbers import checked_number, finite_number
from ..visualization.grid import MIN_TILE
from .inference import Renderer, edit, generator_of, render
from .motion import transform
from .whole_photos import PhotoFrames

__all__ = ['animate', 'between']

_IDENTITY = GeometricTransform()


def animate(
    inverter: Renderer,
    codes: LatentCode,
    *,
    directions: Sequence[StyleEdit] = (),
    strengths: Sequence[float] = (1.0,),
    move: Transform = _IDENTITY,
    align: bool = False,
    padding_mode: str | Tensor = 'border',
    sampling: str = 'bicubic',
    frames: int = 60,
    loop: bool = False,
    batch_size: int = 8,
    place: InPhoto | None = None,
) -> Iterator[np.ndarray]:
    """Render the way between codes, along directions and to a motion, all at the same time.

    Several codes or strengths are reached at even distances, with linear interpolation between.

    Args:
        inverter (OptimizationInverter | BaseDetailGenerator): Has the generator.
        codes (LatentCode): n codes: one to move or edit, or more to interpolate.
        directions (Sequence[StyleEdit]): Applied one after the other. Defaults to none.
        strengths (Sequence[float]): Factors of the directions, one after the other; a single one is
            reached from 0. Defaults to (1.0,).
        move (Transform): The motion at the end, as for :func:`mmgen_bdinvert.geometry.part_of`.
            Defaults to no motion.
        align (bool): Undo ``move`` instead. Defaults to False.
        padding_mode (str | Tensor): As for :func:`mmgen_bdinvert.apis.transform`. Defaults to
            'border'.
        sampling (str): ``mode`` of :func:`mmgen_bdinvert.apis.transform`. Defaults to 'bicubic'.
        frames (int): Number of frames, 2 or more. Defaults to 60.
        loop (bool): Return to the start in the second half. Defaults to False.
        batch_size (int): Frames rendered at a time. Defaults to 8.
        place (InPhoto | None): Where in a photo a single code is from: frames show the whole photo
            with the code's window in it, 1,920 pixels a side at most. Defaults to None.

    Yields:
        np.ndarray: RGB uint8 (H, W, 3); small pictures are enlarged by the first whole factor that
        reaches 192 pixels.

    Raises:
        ValueError: There is nothing to show, codes or directions do not fit the generator, or an
            argument is wrong; before the first frame.
    """
    checked_number('frames', frames, least=2, whole=True)
    if len(codes) < 2 and not directions and move.is_identity:
        raise ValueError('There is nothing to show: give two codes, a direction, or a motion.')
    if place is not None and len(codes) != 1:
        raise ValueError(f'A video of a whole photo is of one code, but got {len(codes)}.')
    if not strengths:
        raise ValueError('At least one strength must be given, but got none.')
    strengths = [finite_number('strength', strength) for strength in strengths]
    strengths = strengths if len(strengths) > 1 else [0.0, *strengths]
    generator = generator_of(inverter)
    generator.check_code(codes)
    for direction in directions:
        direction.places(generator)
    part_of(move, 0.0)

    def motion_at(share: float) -> Transform:
        motion = part_of(move, share)
        return inverse(motion) if align else motion

    def moved(share: float) -> LatentCode:
        code = codes.map(lambda points: between(points, share))
        motion = motion_at(share)
        if motion.is_identity:
            return code
        return transform(generator, code, motion, padding_mode=padding_mode, mode=sampling)

    def frame(share: float) -> LatentCode:
        code = moved(share)
        strength = float(between(torch.tensor(strengths, dtype=torch.float64), share))
        for direction in directions:
            code = edit(generator, code, direction, strength)
        return code

    shares = _shares(frames, loop)
    if place is not None:
        photo = PhotoFrames(place, render(generator, codes)[0])
        for share in shares:
            before, after = render(generator, LatentCode.cat([moved(share), frame(share)]))
            yield photo(before, after, motion_at(share))
        return
    factor = -(-MIN_TILE // generator.resolution)
    for start in range(0, frames, batch_size):
        batch = LatentCode.cat([frame(share) for share in shares[start : start + batch_size]])
        for picture in render(generator, batch, batch_size=batch_size):
            yield picture.repeat(factor, 0).repeat(factor, 1)


def between(points: Tensor, share: float) -> Tensor:
    """Interpolate points (n, …) linearly, from the first at 0 to the last at 1: (1, …)."""
    place = share * (len(points) - 1)
    left = min(int(place), max(len(points) - 2, 0))
    right = min(left + 1, len(points) - 1)
    return torch.lerp(points[left : left + 1], points[right : right + 1], place - left)


def _shares(frames: int, loop: bool) -> list[float]:
    if not loop:
        return np.linspace(0, 1, frames).tolist()
    # The frame after the last one is the first.
    return (1 - np.abs(np.linspace(-1, 1, frames, endpoint=False))).tolist()
