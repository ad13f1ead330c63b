# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A window of a photo as something to invert, beside whole image files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

import numpy as np
import torch
from torch import Tensor

from ..geometry.sampling import pixel_centres
from ..io import ImageReadError, read_image
from ..io.decoding import decode, stored
from ..io.outputs import shown_path
from ..io.sources import ImageSource, source_from_json, source_to_json
from .faces import Face
from .mask import ellipse_of, mask_of
from .recent import Decoder
from .window import Window, cut

__all__ = [
    'InPhoto',
    'Target',
    'faces_of',
    'photo_of',
    'read_target',
    'stacked_masks',
    'target_from_json',
    'target_to_json',
]

_FACE = {'face_x': 'x', 'face_y': 'y', 'face_size': 'size', 'face_angle': 'angle'}
_WINDOW = {'window_x': 'x', 'window_y': 'y', 'window_size': 'size', 'window_angle': 'angle'}


@dataclass(frozen=True)
class InPhoto:
    """What a window of a photo shows.

    Args:
        photo (Path | TarMember): The photo.
        window (Window | None): Where in it; None if there is nothing to invert.
        square (Window | None): Where the face lies that was found. Defaults to None.
        of (int): How many windows of this photo there are. Defaults to 1.
        mask (str): As for :func:`mmgen_bdinvert.photos.mask.mask_of`. Defaults to '', which is
            all of the window.
        fault (str): Why the photo cannot be read, or has no window. Defaults to ''.
    """

    photo: ImageSource
    window: Window | None
    square: Window | None = None
    of: int = 1
    mask: str = ''
    fault: str = ''

    def __fspath__(self) -> str:
        return os.fspath(self.photo)

    def read(self, size: int, decoded: Decoder = decode) -> tuple[np.ndarray, np.ndarray | None]:
        """Return what the window shows, and how much of it counts.

        Args:
            size (int): Side in pixels.
            decoded (Callable): How photo and mask are read. Defaults to
                :func:`mmgen_bdinvert.io.decoding.decode`.

        Returns:
            tuple[np.ndarray, np.ndarray | None]: RGB uint8 (size, size, 3), and float32
            (size, size) from 0 to 1, or None.

        Raises:
            ImageReadError: Photo or mask cannot be read, or have no such window.
        """
        if self.window is None:
            raise ImageReadError(self.fault)
        picture = decoded(self.photo)
        try:
            shown, mask = cut(picture, self.window, size), None
            if self.mask:
                mask = mask_of(self.mask, size, picture.size, self.window, self.square, decoded)
            return shown, mask
        except ImageReadError:
            raise
        except ValueError as error:
            raise ImageReadError(f'{shown_path(self.photo)}: {error}') from error

    def shown(self, size: int, photo: tuple[int, int] | None = None) -> np.ndarray:
        """Return what of the window the photo shows, and its mask lets count.

        Args:
            size (int): Side in pixels.
            photo (tuple[int, int] | None): Width and height of the photo. Defaults to None: they
                are read.

        Returns:
            np.ndarray: float32 (size, size), from 0 to 1.

        Raises:
            ImageReadError: Photo or mask cannot be read, or it has no window.
        """
        if self.window is None:
            raise ImageReadError(self.fault)
        sides = stored(self.photo).size if photo is None else photo
        points = self.window.to_photo(pixel_centres(size, size))  # [HW2]
        inside = ((points >= 0) & (points <= torch.tensor(sides))).all(-1).numpy()
        shown = inside.astype(np.float32)
        if self.mask:
            shown *= mask_of(self.mask, size, sides, self.window, self.square)
        return shown

    def face_mask(self, size: int) -> np.ndarray | None:
        """Return where in the window the face is, float32 (size, size); None if none was found."""
        if self.window is None or self.square is None:
            return None
        return ellipse_of(size, self.window, self.square)

    def facts(self) -> dict[str, Any]:
        """Return window, face and mask for ``metrics.json``."""
        facts: dict[str, Any] = {'windows': self.of, **({'mask': self.mask} if self.mask else {})}
        for names, square in ((_WINDOW, self.window), (_FACE, self.square)):
            if square is not None:
                facts.update({name: getattr(square, key) for name, key in names.items()})
        return facts

    @classmethod
    def of_facts(cls, photo: ImageSource, facts: Mapping[str, Any]) -> InPhoto | None:
        """Return what :meth:`facts` were made of; None if they tell of no window."""
        window, square = (_square(facts, names) for names in (_WINDOW, _FACE))
        if window is None:
            return None
        return cls(photo, window, square, int(facts.get('windows') or 1), facts.get('mask', ''))

    @property
    def face(self) -> Face | None:
        """Face | None: The face that was found."""
        return None if self.square is None else Face(self.square, 1.0)


def _square(facts: Mapping[str, Any], names: Mapping[str, str]) -> Window | None:
    values = {key: facts.get(name) for name, key in names.items()}
    try:
        return Window(**values)
    except (TypeError, ValueError):  # it is not there, or was damaged
        return None


Target = Union[ImageSource, InPhoto]


def photo_of(target: Target) -> ImageSource:
    """Return the image file or member of an archive that a target is, or lies in."""
    return target.photo if isinstance(target, InPhoto) else target


def read_target(
    target: Target, size: int, fit: str, decoded: Decoder = decode
) -> tuple[np.ndarray, np.ndarray | None]:
    """Read what is to be inverted, and its mask, see :meth:`InPhoto.read`."""
    if isinstance(target, InPhoto):
        return target.read(size, decoded)
    return read_image(target, size, fit=fit), None


def target_to_json(target: Target) -> Any:
    """Return a target as what JSON can hold."""
    if not isinstance(target, InPhoto):
        return source_to_json(target)
    return {'photo': source_to_json(target.photo), 'fault': target.fault, **target.facts()}


def target_from_json(value: Any) -> Target:
    """Return what :func:`target_to_json` was given."""
    if not isinstance(value, dict):
        return source_from_json(value)
    photo = source_from_json(value['photo'])
    return InPhoto.of_facts(photo, value) or InPhoto(photo, None, fault=value['fault'])


def faces_of(sources: Sequence[Target], images: Tensor) -> Tensor | None:
    """Return where faces were found in images (n, 3, H, W).

    Returns:
        Tensor | None: Shape (n, 1, H, W), from 0 to 1; None if there are none.
    """
    found = [
        source.face_mask(images.shape[-1]) if isinstance(source, InPhoto) else None
        for source in sources
    ]
    return stacked_masks(found, images, absent=0.0)


def stacked_masks(
    masks: Sequence[np.ndarray | None], images: Tensor, absent: float
) -> Tensor | None:
    """Stack masks (H, W) of images (n, 3, H, W) to (n, 1, H, W); None if there are none.

    One that is None has the value ``absent`` everywhere.
    """
    if all(mask is None for mask in masks):
        return None
    none = torch.full(images.shape[2:], absent)
    rows = [none if mask is None else torch.from_numpy(mask) for mask in masks]
    return torch.stack(rows)[:, None].to(images)  # [N1HW]
