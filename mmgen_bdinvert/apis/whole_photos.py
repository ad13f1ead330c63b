# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The photos that codes come from, and edits back into them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..geometry import Transform
from ..io.outputs import shown_path
from ..jobs.manifest import latest_records
from ..jobs.remaining import has_changed
from ..photos import InPhoto
from ..photos.mask import mask_of
from ..photos.put_back import put_back
from ..photos.whole_photo import WholePhoto
from .codes import CodeSource

__all__ = ['places_of', 'save_photos']


def places_of(
    sources: Sequence[CodeSource], on_note: Callable[[str], object] | None = None
) -> list[InPhoto | None]:
    """Find the windows of photos that codes were inverted from.

    Args:
        sources (Sequence[CodeSource]): Codes, beside what an inversion wrote with them.
        on_note (Callable | None): Called with a sentence where a photo is gone or has changed.
            Defaults to None.

    Returns:
        list[InPhoto | None]: None for a code that is not known to be part of a photo. A photo that
        is no longer there has a fault.
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
        place = InPhoto.of_facts(Path(record['source']), record['metrics']) if record else None
        if place and (not os.path.isfile(place.photo) or has_changed(place.photo, record)):
            shown = shown_path(place.photo)
            fault = f'{shown} is gone or has changed since it was inverted: no photo is saved'
            place = replace(place, fault=fault)
            if on_note is not None:
                on_note(fault)
        places.append(place)
    return places


def save_photos(
    place: InPhoto,
    edits: Mapping[Path, np.ndarray],
    *,
    before: np.ndarray,
    original: np.ndarray,
    motion: Transform | None,
) -> None:
    """Put edits of a window back into its photo.

    Args:
        place (InPhoto): The window.
        edits (Mapping[Path, np.ndarray]): By the file to write, the window as it is edited.
        before (np.ndarray): As for :func:`mmgen_bdinvert.photos.put_back.put_back`.
        original (np.ndarray): As for it.
        motion (Transform | None): As for it.

    Raises:
        ImageReadError: Photo or mask cannot be read.
        OutputError: A file cannot be written.
    """
    photo, mask = WholePhoto(place.photo), None
    if place.mask:
        height, width = photo.pixels.shape[:2]
        mask = mask_of(place.mask, len(before), (width, height), place.window, place.square)
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
