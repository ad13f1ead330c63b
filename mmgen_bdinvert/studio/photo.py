# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A photo of any size, and the window of it that is inverted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from ..io.decoding import decode
from ..photos import Face, InPhoto, Window, centre_window, cut

__all__ = ['CENTRE', 'PREVIEW', 'Photo']

CENTRE = 'centre square'
PREVIEW = 960  # pixels of the longer side of what the page shows
_PREPARED = 2  # sides of the generator's images that a prepared square has at most
_MIDDLE = 0.5  # of half a window: where the face lies that it is about


@dataclass(frozen=True, eq=False, repr=False)
class Photo:
    """An immutable value, which holds no more of the photo than what the page shows.

    Args:
        place (InPhoto): The file, the window, and the face that it is about, if one was found.
        size (tuple[int, int]): Width and height of the photo.
        faces (tuple[Face, ...]): What was found in it, the largest first.
        preview (np.ndarray): The photo, RGB uint8, 960 pixels a side at most.
        square (np.ndarray): What the window shows, RGB uint8 at the generator's resolution.
        prepared (bool): Whether the photo is a small square, all of which is inverted.
    """

    place: InPhoto
    size: tuple[int, int]
    faces: tuple[Face, ...]
    preview: np.ndarray
    square: np.ndarray
    prepared: bool

    @classmethod
    def of(cls, path: Path, picture: Image.Image, faces: Sequence[Face], resolution: int) -> Photo:
        """Look at a photo: at all of a prepared square, else at the largest face or the centre.

        ``faces`` are what was found in it, the largest first; ``resolution`` is the generator's.

        Raises:
            ValueError: The photo is too small.
        """
        width, height = picture.size
        prepared = width == height <= _PREPARED * resolution
        looks = [centre_window(width, height)]
        if not prepared:
            looks = [face.window() for face in faces[:1]] or looks
        (window,) = looks
        share = min(1.0, PREVIEW / max(picture.size))
        sides = [max(1, round(share * side)) for side in picture.size]
        shown = picture.resize(sides, Image.Resampling.LANCZOS, reducing_gap=2.0)
        return cls(
            InPhoto(path, window, _about(window, faces)),
            picture.size,
            tuple(faces),
            np.array(shown),
            cut(picture, window, resolution),
            prepared,
        )

    def at(self, window: Window) -> Photo:
        """Return the photo with another window.

        Raises:
            ImageReadError: The file cannot be read.
            ValueError: The window is none of this photo.
        """
        window.box(*self.size)  # raises the ValueError before the file is read
        place = replace(self.place, window=window, square=_about(window, self.faces))
        return replace(self, place=place, square=cut(decode(place.photo), window, len(self.square)))

    @property
    def choices(self) -> dict[str, Window]:
        """dict[str, Window]: The windows to choose from, by their names."""
        found = {str(i): face.window() for i, face in enumerate(self.faces, 1)}
        return {**found, CENTRE: centre_window(*self.size)}

    @property
    def chosen(self) -> str | None:
        """Name among :attr:`choices` (str | None); None if the window was moved."""
        window = self.place.window
        return next((name for name, one in self.choices.items() if one == window), None)


def _about(window: Window, faces: Sequence[Face]) -> Window | None:
    """Return the square of the face in the middle of a window."""
    away = {face.square: window.to_window(face.square.centre).abs().max() for face in faces}
    near = [square for square, distance in away.items() if distance <= _MIDDLE]
    return min(near, key=away.__getitem__, default=None)
