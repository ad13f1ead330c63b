# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What is measured of photos with drawn faces."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image, ImageDraw

from mmgen_bdinvert.apis import edit, render, transform
from mmgen_bdinvert.geometry import GeometricTransform
from mmgen_bdinvert.photos import Face, Window
from mmgen_bdinvert.photos.put_back import feather, put_back
from mmgen_bdinvert.photos.whole_photo import WholePhoto

__all__ = ['gap', 'in_photo', 'in_square', 'outlined', 'outside', 'seam']

_VISIBLE = 8  # grey levels by which a drawn edit changes a pixel that counts
_NEAR = 2  # pixels on each side of the line about a window


def gap(photo: np.ndarray, truth: np.ndarray, new: np.ndarray, where: np.ndarray) -> float:
    """Return the remaining error of an edit: 0 is the drawn one, 1 no better, NaN nothing to do.

    Args:
        photo (np.ndarray): RGB uint8 (H, W, 3).
        truth (np.ndarray): The same, drawn with the edit.
        new (np.ndarray): The photo, edited.
        where (np.ndarray): Bool (H, W): where to look.
    """
    photo, truth, new = (value.astype(np.float64) for value in (photo, truth, new))
    where = where & (np.abs(photo - truth).max(2) > _VISIBLE)
    if not where.any():
        return float('nan')
    error, whole = (np.square(value - truth)[where].mean() for value in (new, photo))
    return float(np.sqrt(error / whole))


def in_photo(inverter, photo: WholePhoto, face: Face, code, direction, strengths) -> dict:
    """Edit a face where a photo shows it; returns photos by strength, and one by 'motion'."""
    window = face.window()
    before = render(inverter, code)[0]
    edits = {s: render(inverter, edit(inverter, code, direction, s))[0] for s in (0.0, *strengths)}
    new = {
        s: put_back(photo, window, before, after, square=face.square) for s, after in edits.items()
    }
    turn = GeometricTransform(rotate=10)
    moved = render(inverter, transform(inverter, code, turn))[0]
    new['motion'] = put_back(
        photo, window, moved, moved, original=before, motion=turn, square=face.square
    )
    return new


def in_square(inverter, picture, truth, code, direction, strengths) -> dict[float, float]:
    """Return the remaining error of an edit by strength, in a prepared square."""
    inside = np.ones(picture.shape[:2], bool)
    return {
        s: gap(picture, truth, render(inverter, edit(inverter, code, direction, s))[0], inside)
        for s in strengths
    }


def seam(photo: np.ndarray, new: np.ndarray, window: Window) -> float:
    """Return the mean step across the border of an upright window, as a share of the photo's."""
    height, width = photo.shape[:2]
    left, upper, right, lower = window.box(width, height)
    steps = []
    for value in (photo.astype(np.float64), new.astype(np.float64)):
        rows, columns = slice(upper, lower), slice(left, right)
        lines = [
            np.abs(value[line + _NEAR, columns] - value[line - _NEAR, columns])
            for line in (upper, lower)
            if _NEAR <= line < height - _NEAR
        ] + [
            np.abs(value[rows, line + _NEAR] - value[rows, line - _NEAR])
            for line in (left, right)
            if _NEAR <= line < width - _NEAR
        ]
        steps.append(np.concatenate([line.ravel() for line in lines]).mean())
    return float(steps[1] / steps[0])


def outside(photo: np.ndarray, new: np.ndarray, window: Window) -> bool:
    """Say whether a photo is as it was, bit for bit, wherever its window does not reach."""
    height, width = photo.shape[:2]
    y, x = np.mgrid[0:height, 0:width] + 0.5
    share = feather(window.to_window(torch.from_numpy(np.stack([x, y], -1)))).numpy()
    return bool((photo == new)[share == 0].all())


def outlined(pixels: np.ndarray, face: Face) -> Image.Image:
    """Show a photo, a third as large, with a window and the square of its face."""
    picture = Image.fromarray(pixels)
    draw = ImageDraw.Draw(picture)
    corners = torch.tensor([[-1.0, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]])
    for square, colour in ((face.window(), 'white'), (face.square, 'orange')):
        line = [tuple(point) for point in square.to_photo(corners).tolist()]
        draw.line(line, fill=colour, width=9)
    return picture.resize((picture.width // 3, picture.height // 3), Image.Resampling.LANCZOS)
