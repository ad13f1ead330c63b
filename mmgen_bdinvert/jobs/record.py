# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What a record of the manifest must be like to be believed: a file may be damaged, or edited."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..io.stamps import FileStamp
from .results import RESULT_FILES

__all__ = ['check_event', 'check_image', 'file_stamps', 'shard_stamp']

_STATUSES = ('done', 'stopped', 'failed')
_SHARD = re.compile(r'\d{5}-\d{5}\.tar')
_LATEST = 253402300800.0  # the year 10000, in seconds since 1970
_LARGEST = 1e300
_LONGEST_NAME = 255  # bytes
_WHOLE = 2**53  # whole numbers below this are the same in every JSON


def check_event(entry: Any) -> None:
    """Check what every event has."""
    if not isinstance(entry, dict) or not isinstance(entry.get('event'), str):
        raise ValueError('an event is an object with a name')
    if not (_is_number(entry.get('time')) and 0 <= entry['time'] < _LATEST):
        raise ValueError('an event has a time')
    if not _is_whole(entry.get('run', 0)):
        raise ValueError('the number of a run is a whole number')


def check_image(entry: Mapping[str, Any]) -> None:
    """Check the record of an image: whoever reads it may rely on names, types and ranges."""
    if not _is_name(entry.get('name')):
        raise ValueError('a name is that of a folder')
    if entry.get('status') not in _STATUSES or not isinstance(entry.get('reason'), str):
        raise ValueError('an image has a status and a reason')
    source = entry.get('source')
    if not isinstance(source, str) or '\0' in source:
        raise ValueError('a source is a path')
    metrics = entry.get('metrics')
    if not isinstance(metrics, dict) or not all(_is_metric(*item) for item in metrics.items()):
        raise ValueError('metrics are numbers by name')
    if entry.get('source_stamp') is not None:
        FileStamp.of_json(entry['source_stamp'])
    if 'shard' in entry:
        begin, end = entry.get('begin'), entry.get('end')
        shard = entry['shard']
        if not (isinstance(shard, str) and _SHARD.fullmatch(shard)):
            raise ValueError('a shard has the name of one')
        if not (_is_whole(begin) and _is_whole(end) and begin < end):
            raise ValueError('a place in a shard has a begin and an end')
        shard_stamp(entry)
    if not set(file_stamps(entry)) <= set(RESULT_FILES):
        raise ValueError('stamps are those of result files')


def file_stamps(record: Mapping[str, Any]) -> dict[str, FileStamp]:
    """Return the stamps of an image's files by their name; none in records of earlier releases."""
    stamps = record.get('file_stamps', {})
    if not isinstance(stamps, dict):
        raise ValueError('stamps are by name')
    return {name: FileStamp.of_json(value) for name, value in stamps.items()}


def shard_stamp(record: Mapping[str, Any]) -> FileStamp | None:
    """Return the stamp of an image's part of a shard; None in records of earlier releases."""
    value = record.get('shard_stamp')
    return None if value is None else FileStamp.of_json(value)


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and abs(value) < _LARGEST


def _is_whole(value: object) -> bool:
    return type(value) is int and 0 <= value < _WHOLE


def _is_name(value: object) -> bool:
    return (
        isinstance(value, str)
        and value not in ('', '..')
        and value.isprintable()
        and Path(value).name == value
        and len(value.encode()) <= _LONGEST_NAME
    )


def _is_metric(key: str, value: object) -> bool:
    """Only some are words, and only ``losses`` are several."""
    if key == 'losses':
        return isinstance(value, dict) and all(v is None or _is_number(v) for v in value.values())
    if key in ('fit', 'mask', 'verdict'):
        return isinstance(value, str)
    return value is None or _is_number(value)
