# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The photos that codes come from, and edits back into them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..geometry import Transform
from ..io.outputs import shown_path
from ..io.sources import ImageSource, TarMember, source_at
from ..jobs.manifest import latest_records
from ..jobs.remaining import has_changed
from ..photos import InPhoto
from ..photos.mask import mask_of
from ..photos.put_back import put_back
from ..photos.whole_photo import WholePhoto
from .codes import CodeSource, code_sources

__all__ = ['PhotoFrames', 'one_place', 'places_of', 'save_photos', 'shown_of']

_LONGEST = 1920  # pixels of a frame


def places_of(
    sources: Sequence[CodeSource], on_note: Callable[[str], object] | None = None
) -> list[InPhoto | None]:
    """Find the windows of photos that codes were inverted from; None if a code has none on record.

    A photo that is gone or has changed has a fault, which ``on_note`` is called with.
    """
    known: dict[Path, Mapping[str, Any]] = {}
    places: list[InPhoto | None] = []
    for source in sources:
        record = source.record
        if record is None and source.path.name == 'code.safetensors':
            folder = source.path.resolve().parent
            if folder.parent not in known:
                known[folder.parent] = latest_records(folder.parent)
            record = known[folder.parent].get(folder.name)
        place = InPhoto.of_facts(_photo(record), record['metrics']) if record else None
        if place and (not os.path.exists(_file(place.photo)) or has_changed(place.photo, record)):
            shown = shown_path(place.photo)
            fault = f'{shown} is gone or has changed since it was inverted: no photo is saved'
            place = replace(place, fault=fault)
            if on_note is not None:
                on_note(fault)
        places.append(place)
    return places


def one_place(files: Sequence[str | os.PathLike]) -> InPhoto:
    """Return the window that the code in files is from.

    Raises:
        ValueError: There are several codes, or one that is no window of a photo that is there.
    """
    sources = code_sources(files)
    if len(sources) != 1:
        raise ValueError(f'A whole photo is shown with one code, but got {len(sources)}.')
    (place,) = places_of(sources)
    if place is None:
        raise ValueError(
            f'{shown_path(sources[0].path)} is no window of a photo: invert one with --find or '
            f'--window.'
        )
    if place.fault:
        raise ValueError(place.fault)
    return place


def _photo(record: Mapping[str, Any]) -> ImageSource:
    try:
        return source_at(record['source'])
    except (KeyError, OSError, ValueError):  # the archive has changed
        return Path(record['source'])


def _file(photo: ImageSource) -> str | os.PathLike:
    return photo.archive if isinstance(photo, TarMember) else photo


def save_photos(
    place: InPhoto,
    edits: Mapping[Path, np.ndarray],
    *,
    before: np.ndarray,
    original: np.ndarray,
    motion: Transform | None,
) -> None:
    """Put edits of a window, by the file to write, back into its photo.

    For the other arguments see :func:`mmgen_bdinvert.photos.put_back.put_back`.

    Raises:
        ImageReadError: Photo or mask cannot be read.
        OutputError: A file cannot be written.
    """
    photo = WholePhoto(place.photo)
    mask = _mask(place, photo, len(before))
    for path, after in edits.items():
        pixels = put_back(
            photo,
            place.window,
            before,
            after,
            original=original,
            motion=motion,
            mask=mask,
            square=place.square,
        )
        photo.save(path, pixels)


def shown_of(
    place: InPhoto | None, size: int, photo: tuple[int, int] | None = None
) -> Tensor | None:
    """Return what a photo shows of its window, (1, 1, size, size); None if that is not known.

    Its width and height, ``photo``, are read where they are not given.
    """
    if place is None or place.fault:
        return None
    return torch.from_numpy(place.shown(size, photo))[None, None]


class PhotoFrames:
    """Frames of a video that show a photo with its window moved and edited.

    ``original`` is as for :func:`mmgen_bdinvert.photos.put_back.put_back`; the photo is reduced to
    ``longest`` pixels a side.

    Raises:
        ImageReadError: Photo or mask cannot be read.
        ValueError: Too little is left of the window.
    """

    def __init__(self, place: InPhoto, original: np.ndarray, longest: int = _LONGEST) -> None:
        self._photo, self._original = WholePhoto(place.photo), original
        self._mask = _mask(place, self._photo, len(original))
        share = min(1.0, longest / max(self._photo.pixels.shape[:2]))
        self._window = place.window.scaled(share)
        self._square = None if place.square is None else place.square.scaled(share)
        self._photo.reduce(share)

    def __call__(self, before: np.ndarray, after: np.ndarray, motion: Transform) -> np.ndarray:
        """Return a frame, RGB uint8 (H, W, 3), of the renderings before and after an edit."""
        shown = dict(original=self._original, mask=self._mask, square=self._square)
        pixels = put_back(self._photo, self._window, before, after, motion=motion, **shown)
        return self._photo.srgb(pixels)


def _mask(place: InPhoto, photo: WholePhoto, size: int) -> np.ndarray | None:
    if not place.mask:
        return None
    height, width = photo.pixels.shape[:2]
    return mask_of(place.mask, size, (width, height), place.window, place.square)
