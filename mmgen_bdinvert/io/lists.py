# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Lists of image files: one path a line, a CSV column, or JSON objects."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from .errors import note_once
from .listing import counted, is_of_macos
from .outputs import shown_path

_COLUMN = 'path'
_MAX_LINE = 1_000_000


def images_in_list(item: str) -> list[Path]:
    """Read a list of paths, which are relative to its folder.

    They are relative to the working folder where all of them exist there and none in the list's
    folder, which is noted in the log.
    """
    reader = _READERS[os.path.splitext(item)[1].lower()]
    try:
        # File names may hold bytes that are not text.
        with open(item, encoding='utf-8-sig', errors='surrogateescape', newline='') as file:
            names = [name for name in reader(item, file) if name]
    except OSError as error:
        raise ValueError(
            f'the list {shown_path(item)} cannot be read ({error.strerror})'
        ) from error
    except csv.Error as error:
        raise ValueError(f'the list {shown_path(item)} is no CSV file ({error})') from error
    left_out = [name for name in names if is_of_macos(name)]
    if left_out:
        note_once(
            f'list {shown_path(item)}: left out {counted(left_out)}: '
            'macOS keeps notes about files there'
        )
        names = [name for name in names if not is_of_macos(name)]
    if not names:
        raise ValueError(f'the list {shown_path(item)} names no image; check its contents')
    folder = _folder(item, names)
    return [Path(folder, name) for name in names]


def _folder(item: str, names: Sequence[str]) -> str:
    """Return the folder that the paths of a list are relative to."""
    folder = os.path.dirname(item)
    relative = [name for name in names if not os.path.isabs(name)]
    if any(os.path.lexists(os.path.join(folder, name)) for name in relative):
        return folder
    if not relative or not all(os.path.lexists(name) for name in relative):
        return folder
    note_once(
        f'list {shown_path(item)}: none of its paths exists in its own folder, but all do in the '
        'working folder, from where they are read'
    )
    return ''


def _lines(item: str, file) -> Iterator[str]:
    while line := file.readline(_MAX_LINE):
        if len(line) == _MAX_LINE or '\0' in line:
            raise ValueError(f'the list {shown_path(item)} is no text with a path in each line')
        yield line


def _plain_lines(item: str, file) -> Iterator[str]:
    return (line.rstrip('\r\n') for line in _lines(item, file))


def _csv_column(item: str, file) -> Iterator[str]:
    rows = csv.DictReader(_lines(item, file))
    if _COLUMN not in (rows.fieldnames or ()):
        raise ValueError(
            f'a CSV list has a column {_COLUMN!r}, but {shown_path(item)} has '
            f'{", ".join(map(repr, rows.fieldnames or ())) or "none"}'
        )
    return (row[_COLUMN] or '' for row in rows)


def _json_lines(item: str, file) -> Iterator[str]:
    for number, line in enumerate(_lines(item, file), 1):
        if not line.strip():
            continue
        try:
            path = json.loads(line)[_COLUMN]
        except (ValueError, KeyError, TypeError, IndexError, RecursionError):
            path = None
        if not isinstance(path, str) or '\0' in path:
            raise ValueError(
                f'every line of a JSONL list is an object with a {_COLUMN!r}, but line {number} of '
                f'{shown_path(item)} is not'
            )
        yield path


_READERS: dict[str, Callable[..., Iterator[str]]] = {
    '.txt': _plain_lines,
    '.list': _plain_lines,
    '.csv': _csv_column,
    '.jsonl': _json_lines,
}
LIST_SUFFIXES = tuple(_READERS)
