# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Which images of a job are left: without a result, with a damaged one, or changed since."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bdinvert_cli.sentences import reason_of

from ..io.outputs import shown_path
from ..io.sources import ImageSource
from ..io.stamps import FileStamp, source_unchanged
from ..photos.in_photo import Target, photo_of
from .manifest import latest_records, passed_over_note
from .packed import SHARDS, is_untouched, last_records, read_packed
from .record import file_stamps
from .results import RESULT_FILES

__all__ = ['Job', 'has_changed', 'images_left']

Job = tuple[Target, str]  # an image and the name of its results
_SHOWN = 3  # images named in a sentence


def images_left(
    jobs: Sequence[Job],
    folder: str | os.PathLike,
    *,
    packed: bool = False,
    retry_failed: bool = False,
    on_note: Callable[[str], object] | None = None,
) -> list[Job]:
    """List the images to invert, in their order.

    An image is left if it has no record of this source, if its source has changed since, or if its
    results are not as they were written; with ``retry_failed`` also if it failed or was stopped.
    Where the source of a finished image is gone, its results stay. ``on_note`` is called with
    sentences on what is damaged or has changed.
    """
    passed_over: Counter[str] = Counter()
    records = latest_records(folder, passed_over)
    untouched = {
        shard: is_untouched(Path(folder, SHARDS, shard), record)
        for shard, record in (last_records(folder) if packed else {}).items()
    }
    left, changed, damaged = [], [], []
    for source, name in jobs:
        record = records.get(name)
        if record is None or record['source'] != os.path.abspath(source):
            left.append((source, name))
        elif has_changed(photo_of(source), record):
            left.append((source, name))
            changed.append(shown_path(source))
        elif record['status'] != 'done' and retry_failed:
            left.append((source, name))
        elif record['status'] != 'failed':
            fault = _fault_in_shard(folder, record, untouched) if packed else _fault(folder, record)
            if fault:
                left.append((source, name))
                damaged.append(f'{name!r} ({fault})')
    if on_note is not None:
        for note in (
            passed_over_note(passed_over),
            _note('changed since an earlier run, and inverted again', changed),
            _note('inverted again, as results are not what was written', damaged),
        ):
            if note:
                on_note(note)
    return left


def _note(words: str, names: Sequence[str]) -> str:
    more = f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''
    return f'{words}: {", ".join(names[:_SHOWN])}{more}' if names else ''


def has_changed(source: ImageSource, record: Mapping[str, Any]) -> bool:
    """Whether a source has changed since its record was written."""
    value = record.get('source_stamp')
    return not source_unchanged(source, value and FileStamp.of_json(value))


def _fault(folder: str | os.PathLike, record: Mapping[str, Any]) -> str:
    """Describe what is wrong with the files of an image; '' if nothing is."""
    file = RESULT_FILES[0]
    stamps = file_stamps(record)
    if file not in stamps:
        return f'no {file} is on record'
    try:
        for file, stamp in stamps.items():
            if not stamp.fits(Path(folder, record['name'], file)):
                return f'{file} has changed'
    except FileNotFoundError:
        return f'{file} is gone'
    except (OSError, ValueError) as error:
        return f'{file} cannot be read: {reason_of(error)}'
    return ''


def _fault_in_shard(
    folder: str | os.PathLike, record: Mapping[str, Any], untouched: Mapping[str, bool]
) -> str:
    shard, name = record.get('shard'), record['name']
    if shard is None:
        return 'no shard is on record'
    if untouched[shard]:
        return ''
    try:
        read_packed(folder, name, {name: record})
    except ValueError as error:
        return str(error)
    return ''
