# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The outcome of one image, and the check of its record in a manifest that may be damaged."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..io.stamps import FileStamp
from .results import RESULT_FILES

__all__ = ['SHARD_NAME', 'ImageOutcome', 'check_event', 'check_image', 'file_stamps']

SHARD_NAME = re.compile(r'\d{5,}-\d{5,}\.tar')
_STATUSES = ('done', 'stopped', 'failed')
_END_OF_TIME = 253402300800.0  # the year 10000, in seconds since 1970
_LARGEST = 1e300
_LONGEST_NAME = 255  # bytes
_LARGEST_INTEGER = 2**53  # below this, integers are exact in every JSON reader


@dataclass(frozen=True)
class ImageOutcome:
    """The outcome of one image.

    Args:
        name (str): Name of its results in the output folder.
        source (Path): The image file.
        status (str): 'done'; 'stopped' if its loss became non-finite too often and its best state
            was saved; 'failed' if nothing was.
        reason (str): Why it was not done, in one sentence. Defaults to ''.
        metrics (dict): The content of ``metrics.json``. Defaults to nothing.
    """

    name: str
    source: Path
    status: str
    reason: str = ''
    metrics: dict[str, Any] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """Return everything in one flat dict, as ``summary.csv`` shows it."""
        row = {'name': self.name, 'status': self.status, 'reason': self.reason, **self.metrics}
        losses = row.pop('losses', {})  # weighted; `perceptual` alone is not
        row.update({f'loss_{name}': value for name, value in losses.items()})
        return {**row, 'source': os.path.abspath(self.source)}

    def record(self) -> dict[str, Any]:
        """Return it as a record of the manifest."""
        return {**asdict(self), 'source': os.path.abspath(self.source)}

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> ImageOutcome:
        """Undo :meth:`record`."""
        values = {key: record[key] for key in ('name', 'status', 'reason', 'metrics')}
        return cls(source=Path(record['source']), **values)


def check_event(entry: Any) -> None:
    """Raise a ValueError unless an entry of the manifest has what every event has."""
    if not (
        isinstance(entry, dict)
        and isinstance(entry.get('event'), str)
        and _is_number(entry.get('time'))
        and 0 <= entry['time'] < _END_OF_TIME
        and _is_integer(entry.get('run', 0))
    ):
        raise ValueError('an event is an object with a name, a time and the number of a run')


def check_image(entry: Mapping[str, Any]) -> None:
    """Raise a ValueError unless all values of an image's record have their types and ranges."""
    source, metrics = entry.get('source'), entry.get('metrics')
    if not (
        _is_name(entry.get('name'))
        and entry.get('status') in _STATUSES
        and isinstance(entry.get('reason'), str)
        and isinstance(source, str)
        and '\0' not in source
        and isinstance(metrics, dict)
        and all(_is_metric(*item) for item in metrics.items())
        and ('shard' not in entry or _is_in_shard(entry))
        and set(file_stamps(entry)) <= set(RESULT_FILES)
    ):
        raise ValueError('a value of the record is missing or out of range')
    if 'shard' in entry:
        FileStamp.of_json(entry.get('shard_stamp'))
    if entry.get('source_stamp') is not None:
        FileStamp.of_json(entry['source_stamp'])


def file_stamps(record: Mapping[str, Any]) -> dict[str, FileStamp]:
    """Return the stamps of an image's files by name; none if it was not inverted, or is packed."""
    stamps = record.get('file_stamps', {})
    if not isinstance(stamps, dict):
        raise ValueError('stamps are an object')
    return {name: FileStamp.of_json(value) for name, value in stamps.items()}


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and abs(value) < _LARGEST


def _is_integer(value: object) -> bool:
    return type(value) is int and 0 <= value < _LARGEST_INTEGER


def _is_name(value: object) -> bool:
    return (
        isinstance(value, str)
        and value not in ('', '..')
        and value.isprintable()
        and Path(value).name == value
        and len(value.encode()) <= _LONGEST_NAME
    )


def _is_metric(key: str, value: object) -> bool:
    if key == 'losses':
        return isinstance(value, dict) and all(v is None or _is_number(v) for v in value.values())
    if key in ('fit', 'mask', 'verdict'):
        return isinstance(value, str)
    return value is None or _is_number(value)


def _is_in_shard(entry: Mapping[str, Any]) -> bool:
    shard, begin, end = (entry.get(key) for key in ('shard', 'begin', 'end'))
    named = isinstance(shard, str) and SHARD_NAME.fullmatch(shard) is not None
    return named and _is_integer(begin) and _is_integer(end) and begin < end
