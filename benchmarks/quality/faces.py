# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The images to invert: drawn faces with an exact truth for every edit, or photos."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from mmgen_bdinvert.geometry import GeometricTransform, transform_image
from mmgen_bdinvert.io import find_images, image_to_tensor, output_names, read_image
from projects.toon_faces import TOON_LABELS, draw_face, random_move
from projects.toon_faces.labelled_faces import label_numbers

__all__ = ['DrawnFaces', 'Face', 'Photos', 'unmove']

_CACHE = 20_000  # pictures: 1 GB at 128×128


@dataclass(frozen=True)
class Face:
    """A target.

    Args:
        name (str): Its name.
        image (Tensor): RGB (3, H, W) in [-1, 1].
        move (GeometricTransform | None): What took it out of alignment.
        labels (dict[str, int] | None): Choices of ``TOON_LABELS`` by attribute, -1 for none;
            None if unknown.
        aligned (Tensor | None): The picture before it was moved, (3, H, W); None if it was not, and
            for the truth of an edit.
    """

    name: str
    image: Tensor
    move: GeometricTransform | None = None
    labels: dict[str, int] | None = None
    aligned: Tensor | None = None

    def choice(self, attribute: str) -> str | None:
        """Return the choice of ``TOON_LABELS`` that an attribute has; None if it has none."""
        number = self.labels[attribute]
        return None if number < 0 else TOON_LABELS[attribute][number]

    @property
    def digest(self) -> str:
        """str: SHA-256 of the picture."""
        return hashlib.sha256(self.image.numpy().tobytes()).hexdigest()


class DrawnFaces:
    """Held-out toon faces: the seeds ``h0``, ``h1``, …, moved as the held-out sets are.

    Args:
        count (int): Number of faces.
        size (int): Side of the pictures.

    Raises:
        ValueError: ``count`` is below 1.
    """

    def __init__(self, count: int, size: int) -> None:
        if count < 1:
            raise ValueError(f'A benchmark needs one face or more, but got {count}.')
        self.size = size
        self.names = [f'h{i}' for i in range(count)]
        self._drawn = lru_cache(_CACHE)(self._draw)

    def face(self, kind: str, index: int, options: dict | None = None) -> Face:
        """Draw a face.

        Args:
            kind (str): One of ``MOVES``.
            index (int): Number of the face.
            options (dict | None): Options of :func:`draw_face`, for the truth of an edit. Defaults
                to None.
        """
        frozen = tuple(sorted((k, _frozen(v)) for k, v in (options or {}).items()))
        pixels, labels, move = self._drawn(kind, index, frozen)
        aligned = None
        if move is not None and not options:
            aligned = self.face('aligned', index).image
        return Face(self.names[index], image_to_tensor(pixels)[0], move, labels, aligned)

    def _draw(self, kind: str, index: int, options: tuple):
        move = random_move(kind, index)
        thawed = {k: list(v) if isinstance(v, tuple) else v for k, v in options}
        pixels, row = draw_face(self.names[index], self.size, options=thawed, transform=move)
        return pixels, dict(zip(TOON_LABELS, label_numbers(row))), move


class Photos:
    """Photos of a folder.

    Args:
        source (str | os.PathLike): A folder or a file.
        count (int | None): Number of photos, the first by name; None takes all.
        size (int): Side to which they are resized.
        fit (str): As for :func:`mmgen_bdinvert.io.read_image`. Defaults to 'crop'.

    Raises:
        FileNotFoundError: ``source`` does not exist.
        ValueError: It holds no image.
    """

    def __init__(
        self, source: str | os.PathLike, count: int | None, size: int, fit: str = 'crop'
    ) -> None:
        self.paths = find_images(source)[:count]
        self.names = output_names(self.paths)
        self.size, self.fit = size, fit

    def face(self, kind: str, index: int, options: dict | None = None) -> Face:
        """Read a photo; ``kind`` other than 'aligned' moves it, with its edge continued.

        Raises:
            ValueError: ``options`` are given: the truth of an edited photo is unknown.
        """
        if options:
            raise ValueError('The truth of an edit can be drawn, but not be had of a photo.')
        image = image_to_tensor(read_image(self.paths[index], self.size, fit=self.fit))
        move = random_move(kind, index)
        if move is None:
            return Face(self.names[index], image[0])
        moved = transform_image(image, move)
        return Face(self.names[index], moved[0], move, aligned=image[0])


def unmove(images: Tensor, moves: list[GeometricTransform | None]) -> Tensor:
    """Align moved images, each by the exact inverse of its motion.

    Args:
        images (Tensor): Shape (n, 3, H, W).
        moves (list[GeometricTransform | None]): The motion of each.

    Returns:
        Tensor: Same shape; areas that had left the picture are filled from its edge.
    """
    rows = [
        image if move is None else transform_image(image, torch.linalg.inv(move.matrix()))
        for image, move in zip(images.split(1), moves)
    ]
    return torch.cat(rows)


def _frozen(value: object) -> object:
    return tuple(value) if isinstance(value, (list, tuple, np.ndarray)) else value
