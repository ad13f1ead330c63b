# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""From photos to windows: every face is an image of the job, with results of its own."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from ..io.sources import ImageSource
from ..photos import InPhoto, Look
from ..photos.recent import Decoder
from .manifest import latest_records
from .record import ImageOutcome
from .remaining import has_changed

__all__ = ['jobs_in_photos', 'window_columns']

_COLUMNS = ('window_x', 'window_y', 'window_size', 'window_angle')


def jobs_in_photos(
    jobs: Sequence[tuple[ImageSource, str]],
    look: Look,
    out_dir: str | os.PathLike,
    check: Callable[[], object],
    on_note: Callable[[str], object] | None,
    decoded: Decoder,
) -> list[tuple[InPhoto, str]]:
    """Look at photos, and list what there is to invert in them.

    Of several faces in a photo, the largest first, the results are called ``<name>_1`` and so on.
    A photo that is unchanged, with all of its windows on record, is not looked at again. ``check``
    is called before every photo and may raise, ``on_note`` with a sentence on what was found;
    photos are read by ``decoded``.
    """
    known: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in latest_records(out_dir).values():
        known[record['source']].append(record)
    taken = {name for _, name in jobs}
    found: list[tuple[InPhoto, str]] = []
    seen = faces = without = 0
    for photo, name in jobs:
        check()
        old = _recorded(photo, known[os.path.abspath(photo)])
        if old:
            found += old
            continue
        places = look.at(photo, decoded)
        seen, faces = seen + 1, faces + sum(place.square is not None for place in places)
        without += not any(place.square for place in places)
        if len(places) == 1:
            found.append((places[0], name))
            continue
        for place in places:
            number = 1
            while (new := f'{name}_{number}') in taken:
                number += 1
            taken.add(new)
            found.append((place, new))
    if on_note is not None and look.finder is not None and seen:
        on_note(f'photos looked at: {seen}; faces found: {faces}; photos without one: {without}')
    return found


def window_columns(outcomes: Sequence[ImageOutcome]) -> tuple[str, ...]:
    """Name what ``summary.csv`` says of windows: nothing where there are none."""
    return _COLUMNS if any('windows' in outcome.metrics for outcome in outcomes) else ()


def _recorded(photo: ImageSource, records: list[dict[str, Any]]) -> list[tuple[InPhoto, str]]:
    """Return what earlier runs found in a photo; nothing if that is not known to be all."""
    old = [(InPhoto.of_facts(photo, record['metrics']), record['name']) for record in records]
    places = [(place, name) for place, name in old if place is not None]
    if not places or places[0][0].of != len(places) or has_changed(photo, records[0]):
        return []
    return places
