# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Drawn photos: several toon faces before a background, with where they are."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from mmgen_bdinvert.photos import Window

from .drawing import cut_out

__all__ = ['SCENES', 'DrawnFace', 'background', 'draw_photo']

_cut_out = functools.lru_cache(maxsize=512)(cut_out)
_APART = 0.62  # of the mean side of two faces, between their middles
_OUTSIDE = 0.3  # of a face's side, at most, that lies beyond the border
_TRIES = 60
_LARGEST = 1200  # pixels of a side, from which on a texture is enlarged


@dataclass(frozen=True)
class DrawnFace:
    """A face in a drawn photo.

    Args:
        seed (str): See :func:`projects.toon_faces.draw_face`.
        square (Window): The square that it fills, turned as it is.
    """

    seed: str
    square: Window


def background(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """Draw a texture: soft noise of several scales, and shapes in its colours.

    Args:
        size (tuple[int, int]): Width and height in pixels.
        rng (np.random.Generator): Where chance comes from.

    Returns:
        Image.Image: Mode ``'RGB'``.
    """
    if max(size) > _LARGEST:  # a soft texture, and the grain of a camera
        part = background((size[0] // 3, size[1] // 3), rng)
        large = np.asarray(part.resize(size, Image.Resampling.BICUBIC)).astype(np.int16)
        large += rng.integers(-5, 6, (size[1], size[0], 1), np.int16)
        return Image.fromarray(large.clip(0, 255).astype(np.uint8))
    total = np.full((size[1], size[0], 3), rng.uniform(60, 200, 3), np.float32)
    cells, strength = int(rng.integers(2, 6)), rng.uniform(15, 45)
    while cells < min(max(size), 400) and strength > 1.5:
        noise = rng.normal(0, 1, (cells, cells, 3)).astype(np.float32)
        noise = 0.4 * noise + 0.6 * noise.mean(2, keepdims=True)
        for channel in range(3):
            plane = Image.fromarray(noise[..., channel]).resize(size, Image.Resampling.BICUBIC)
            total[..., channel] += strength * np.asarray(plane)
        cells, strength = cells * 3, strength * rng.uniform(0.45, 0.75)
    picture = Image.fromarray(total.clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(0, 12))):
        x, y = rng.uniform(0, 1, 2) * size
        w, h = rng.uniform(0.02, 0.4, 2) * max(size)
        colour = tuple(int(v) for v in rng.uniform(20, 240, 3))
        shape = (draw.ellipse, draw.rectangle)[int(rng.integers(2))]
        outline = dict(outline=colour, width=int(rng.integers(1, 9)))
        shape((x, y, x + w, y + h), **(dict(fill=colour) if rng.random() < 0.5 else outline))
    return picture


def _hills(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """Draw an evening sky over hills, out of focus, with the grain of a camera."""
    width, height = size
    x, y = np.arange(width), np.arange(height)[:, None]
    share = (y / height)[..., None]
    picture = (1 - share) * (168, 196, 236) + share * (255, 226, 200)
    for colour, level in (((206, 200, 222), 0.62), ((176, 186, 206), 0.75), ((150, 170, 176), 0.9)):
        waves = zip(rng.uniform(1, 4, 3), rng.uniform(0, 2 * np.pi, 3))
        ridge = sum(np.sin(n * 2 * np.pi * x / width + phase) / n for n, phase in waves)
        picture = np.where((y > height * (level + 0.04 * ridge))[..., None], colour, picture)
    scene = Image.fromarray(np.broadcast_to(picture, (height, width, 3)).astype(np.uint8))
    scene = scene.filter(ImageFilter.GaussianBlur(height / 60))
    grain = rng.normal(0, 2, (height, width, 1))
    return Image.fromarray((np.asarray(scene) + grain).clip(0, 255).astype(np.uint8))


SCENES = {'texture': background, 'hills': _hills}


def draw_photo(
    seed: str,
    size: tuple[int, int] = (3000, 2000),
    *,
    faces: Sequence[str],
    scene: str = 'texture',
    squares: Sequence[Window] | None = None,
    sides: tuple[float, float] = (0.2, 0.45),
    turn: float = 45.0,
    options: Mapping[str, Mapping[str, object]] | None = None,
) -> tuple[Image.Image, list[DrawnFace]]:
    """Draw a photo.

    Args:
        seed (str): Decides everything but which faces there are.
        size (tuple[int, int]): Width and height. Defaults to (3000, 2000).
        faces (Sequence[str]): Their seeds; one that finds no room is left out.
        scene (str): What is behind them, a name in ``SCENES``. Defaults to 'texture'.
        squares (Sequence[Window] | None): Where they are. Defaults to None: anywhere.
        sides (tuple[float, float]): Of the faces, as shares of the photo's shorter side. Defaults
            to (0.2, 0.45).
        turn (float): Degrees that a face is turned at most. Defaults to 45.0.
        options (Mapping | None): By seed, what is other than usual about a face, as for
            :func:`projects.toon_faces.drawing.cut_out`. Defaults to None.

    Returns:
        tuple[Image.Image, list[DrawnFace]]: The photo, mode ``'RGB'``, and its faces.

    Raises:
        ImportError: The drawing packages (extra ``toon``) are missing.
        ValueError: A square lies outside the photo, or is far larger.
    """
    rng = np.random.default_rng(list(seed.encode()))
    photo = SCENES[scene](size, rng)
    drawn: list[DrawnFace] = []
    for i, name in enumerate(faces):
        if squares is None:
            square = _anywhere(size, sides, turn, drawn, rng)
        else:
            square = squares[i]
            square.box(*size)  # which refuses one that is not in the photo
        if square is None:
            continue
        side, (x, y) = square.size, square.centre.tolist()
        face = _cut_out(name, 1024 if side > 256 else 256, **(options or {}).get(name, {}))
        face = face.resize((round(side),) * 2, Image.Resampling.LANCZOS)
        face = face.rotate(square.angle, Image.Resampling.BICUBIC, expand=True)
        photo.paste(face, (round(x - face.width / 2), round(y - face.height / 2)), face)
        drawn.append(DrawnFace(name, square))
    return photo, drawn


def _anywhere(
    size: tuple[int, int],
    sides: tuple[float, float],
    turn: float,
    others: Sequence[DrawnFace],
    rng: np.random.Generator,
) -> Window | None:
    """Find room for a face among others; None if there is none."""
    for _ in range(_TRIES):
        side = min(size) * np.exp(rng.uniform(*np.log(sides)))
        reach = (0.5 - _OUTSIDE) * side
        x, y = (float(rng.uniform(reach, n - reach)) for n in size)
        if all(
            np.hypot(*(other.square.centre.numpy() - (x, y))) > _APART * (side + other.square.size)
            for other in others
        ):
            return Window(x - side / 2, y - side / 2, side, float(rng.uniform(-turn, turn)))
    return None
