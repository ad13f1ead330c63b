# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What is looked for in a photo: faces, and the windows in which a generator sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..geometry import GeometricTransform, estimate_similarity
from .window import MIN_SIDE, Window, check_photo

__all__ = ['MARGIN', 'Face', 'FaceFinder']

MARGIN = 0.1  # of the square that an aligned face fills, on every side
_LONGEST = 1280  # pixels of a photo that is looked at as a whole
_OVERLAP = 0.35  # of two squares, as intersection over union, that show the same face
_PART = 0.5  # of a face's square: a smaller find in the middle of it is an eye or a mouth


@dataclass(frozen=True)
class Face:
    """A face in a photo.

    Args:
        square (Window): The square that it would fill if it were aligned, turned as it is.
        score (float): How sure its finder is, between 0 and 1.
    """

    square: Window
    score: float

    @classmethod
    def of_landmarks(cls, template: Tensor, landmarks: Tensor, score: float) -> Face:
        """Find the square from landmarks.

        Args:
            template (Tensor): Where an aligned face has them, normalised, (k, 2).
            landmarks (Tensor): Where the photo has them, in pixels, (k, 2).
            score (float): See :class:`Face`.

        Raises:
            ValueError: The landmarks are all one.
        """
        motion = estimate_similarity(template, landmarks)
        size = 2 * motion.scale
        x, y = (2 * shift - size / 2 for shift in motion.shift)
        return cls(Window(x, y, size, motion.rotate), score)

    def window(self, margin: float = MARGIN) -> Window:
        """Return an upright window about the face, with a margin in sides of its square."""
        size = self.square.size * (1 + 2 * margin)
        x, y = (self.square.centre - size / 2).tolist()
        return Window(round(x, 1), round(y, 1), round(size, 1))

    def motion(self, window: Window) -> GeometricTransform:
        """Return the motion by which the face, as a window shows it, has left alignment."""
        corners = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])
        return estimate_similarity(corners, window.to_window(self.square.to_photo(corners)))


class FaceFinder:
    """Finds faces in photos. A subclass, registered in ``MODULES``, gives :meth:`look`."""

    threshold: float | None = None  # the least certainty of a face, of finders that have one

    def look(self, photo: Image.Image) -> Sequence[Face]:
        """Return the faces that one look finds, in any order, maybe one of them several times.

        Args:
            photo (Image.Image): Mode ``'RGB'``.
        """
        raise NotImplementedError

    def settings(self) -> dict[str, Any]:
        """Return what decides which faces are found, as JSON holds it."""
        return {} if self.threshold is None else {'threshold': self.threshold}

    def find(self, photo: Image.Image) -> list[Face]:
        """Find the faces of a photo, the largest first.

        The photo is looked at as a whole, reduced to 1,280 pixels at most, and at a third of that,
        where a face that nearly fills it is small enough for every finder.

        Args:
            photo (Image.Image): Mode ``'RGB'``, of any size.

        Returns:
            list[Face]: Those whose centre lies in the photo, and not within another face.

        Raises:
            ValueError: The photo is too small.
        """
        check_photo(*photo.size)
        longest, found = max(photo.size), []
        for side in {min(longest, _LONGEST), min(longest, _LONGEST // 3)}:
            width, height = (max(MIN_SIDE, round(n * side / longest)) for n in photo.size)
            small = photo.resize((width, height), Image.Resampling.BOX, reducing_gap=2.0)
            factor = longest / side
            found += [Face(face.square.scaled(factor), face.score) for face in self.look(small)]
        faces: list[Face] = []
        for face in sorted(found, key=lambda face: -face.score):
            x, y = face.square.centre.tolist()
            inside = 0 <= x < photo.width and 0 <= y < photo.height
            if inside and all(_overlap(face.square, other.square) < _OVERLAP for other in faces):
                faces.append(face)
        whole: list[Face] = []
        for face in sorted(faces, key=lambda face: -face.square.size):
            if not any(_is_part(face.square, other.square) for other in whole):
                whole.append(face)
        return whole


def _is_part(small: Window, large: Window) -> bool:
    """Return whether a square lies in the middle of one at least twice as large."""
    middle = large.to_window(small.centre).abs().max().item()
    return small.size < _PART * large.size and middle < _PART


def _overlap(one: Window, two: Window) -> float:
    """Return intersection over union of two squares, both taken as upright."""
    corners = (torch.stack([w.centre - w.size / 2, w.centre + w.size / 2]) for w in (one, two))
    (low, high), (left, right) = corners
    common = (torch.minimum(high, right) - torch.maximum(low, left)).clamp(min=0).prod().item()
    return common / (one.size**2 + two.size**2 - common)
