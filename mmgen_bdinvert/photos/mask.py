# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Masks: what of a window counts, in the losses and when it goes back into its photo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ..geometry.sampling import pixel_centres
from ..io import ImageReadError
from ..io.decoding import decode
from ..io.outputs import shown_path
from .recent import Decoder
from .window import Window, cut

__all__ = ['MASKS', 'ellipse_of', 'mask_of']

MASKS = ('ellipse', 'face')
_LEAST = 0.1  # of the largest value of a mask: saved as a JPEG, black is not quite black
_FACE = (0.38, 0.46)  # half axes of a face and its hair, in sides of its aligned square


def mask_of(
    mask: str,
    size: int,
    photo: tuple[int, int],
    window: Window,
    square: Window | None,
    decoded: Decoder = decode,
) -> np.ndarray:
    """Return how much every pixel of a window counts.

    Args:
        mask (str): 'ellipse', the one that touches the sides of the window; 'face', one about the
            face that was found; or an image file as large as the photo, white where the photo
            counts and black where it does not.
        size (int): Side of the result in pixels.
        photo (tuple[int, int]): Width and height of the photo.
        window (Window): The window.
        square (Window | None): The square of the face, if one was found.
        decoded (Callable): How a file is read. Defaults to
            :func:`mmgen_bdinvert.io.decoding.decode`.

    Returns:
        np.ndarray: float32 (size, size) from 0 to 1.

    Raises:
        ImageReadError: There is no face, or the file cannot be read, has another size, or hides
            the whole window.
    """
    if mask not in MASKS:
        image = decoded(Path(mask))
        if image.size != photo:
            raise ImageReadError(
                f'a mask is as large as its photo of {photo[0]}x{photo[1]}, but '
                f'{shown_path(mask)} has {image.width}x{image.height}'
            )
        shown = cut(image, window, size).mean(2, dtype=np.float32) / 255
        if shown.max() < _LEAST:
            raise ImageReadError(
                f'{shown_path(mask)} hides the whole window: a mask is white where the photo '
                f'counts, and black where it does not'
            )
        return shown
    if mask == 'face' and square is None:
        raise ImageReadError("a mask of the kind 'face' needs a face that --find has found")
    return ellipse_of(size, window, square if mask == 'face' else None)


def ellipse_of(size: int, window: Window, square: Window | None) -> np.ndarray:
    """Return the ellipse about the square of a face, or about the window: float32 (size, size)."""
    points = pixel_centres(4 * size, 4 * size)
    axes: tuple[float, ...] = (1.0, 1.0)
    if square is not None:
        points, axes = square.to_window(window.to_photo(points)), tuple(2 * half for half in _FACE)
    inside = (points / torch.tensor(axes, dtype=points.dtype)).norm(dim=-1) <= 1
    full = Image.fromarray((255 * inside.numpy()).astype(np.uint8))
    return np.asarray(full.resize((size, size), Image.Resampling.BOX), np.float32) / 255
