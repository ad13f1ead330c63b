# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The manifest: one JSON line for every event of a job, safe against a death in the middle.

Every process of a run appends to a file of its own, ``manifest/<rank>.jsonl``, so that none waits
for another and no network file system has to merge lines. A line counts once its line break is on
disk; a torn one at the end is cut off before the next is written.

A line has ``event``, ``time`` (seconds since 1970) and what belongs to the event:

* ``start``: ``rank``, ``world_size``, ``host``, ``pid``, ``left``, the images to invert, and
  ``versions`` of what inverts them, by package;
* ``image``: what :class:`ImageOutcome` holds and, of packed results, ``shard``, ``begin``, ``end``;
* ``end``: ``inverted`` by this process, ``seconds``, and ``interrupted``, true or false.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..io.outputs import sync_folder, write_error
from ..io.tables import finite
from .outcome import ImageOutcome

__all__ = [
    'MANIFEST',
    'Manifest',
    'image_records',
    'manifest_files',
    'read_events',
    'read_outcomes',
]

MANIFEST = 'manifest'


class Manifest:
    """Appends events to the manifest file of one process; a context manager.

    Args:
        folder (str | os.PathLike): The output folder.
        rank (int): Number of the process. Defaults to 0.

    Raises:
        OutputError: The file cannot be opened.
    """

    def __init__(self, folder: str | os.PathLike, rank: int = 0) -> None:
        self.rank = rank
        self.path = Path(folder, MANIFEST, f'{rank}.jsonl')
        try:
            self.path.parent.mkdir(exist_ok=True)
            new = not self.path.exists()
            self._file = open(self.path, 'ab', buffering=0)
            self._cut(_whole_lines(self.path))
        except OSError as error:
            raise write_error(self.path, error) from error
        if new:
            sync_folder(self.path.parent)

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()

    def add(self, event: str, **values: Any) -> None:
        """Append an event; when this returns, it is on disk.

        Raises:
            OutputError: It cannot be written; then nothing of it stays in the file.
        """
        entry = {'event': event, 'time': round(time.time(), 3), **values}
        line = (json.dumps(finite(entry), allow_nan=False) + '\n').encode()
        size = os.fstat(self._file.fileno()).st_size
        try:
            written = self._file.write(line)
            if written != len(line):  # the disk is full: the rest says so
                self._file.write(line[written:])
            os.fsync(self._file.fileno())
        except OSError as error:
            self._cut(size)
            raise write_error(self.path, error) from error

    def _cut(self, size: int) -> None:
        os.ftruncate(self._file.fileno(), size)


def manifest_files(folder: str | os.PathLike) -> list[Path]:
    """List the manifest files of an output folder."""
    return sorted(Path(folder, MANIFEST).glob('*.jsonl'))


def image_records(folder: str | os.PathLike) -> Iterator[dict[str, Any]]:
    """Read the records of images, of each process in the order of time.

    Lines that are no such records, because a machine died, are passed over: their images count as
    not yet inverted.
    """
    for entry in read_events(folder, 'image'):
        try:
            ImageOutcome.of_record(entry)
        except (ValueError, KeyError, TypeError):
            continue
        yield entry


def read_events(folder: str | os.PathLike, event: str) -> Iterator[dict[str, Any]]:
    """Read the whole lines of one event, of each process in the order of time."""
    for path in manifest_files(folder):
        with open(path, 'rb') as lines:
            for line in lines:
                if not line.endswith(b'\n'):
                    continue
                try:
                    entry = json.loads(line)
                    if entry['event'] != event:
                        continue
                    float(entry['time'])
                except (ValueError, KeyError, TypeError):
                    continue
                yield entry


def read_outcomes(folder: str | os.PathLike) -> dict[str, ImageOutcome]:
    """Read what became of the images of an output folder, by name.

    Of several records of one name the latest counts, and one that is 'done' always.
    """
    latest: dict[str, tuple[bool, float]] = {}
    outcomes: dict[str, ImageOutcome] = {}
    for record in image_records(folder):
        name, weight = record['name'], (record['status'] == 'done', record['time'])
        if name not in latest or weight >= latest[name]:
            latest[name], outcomes[name] = weight, ImageOutcome.of_record(record)
    return outcomes


def _whole_lines(path: Path) -> int:
    """Return the size of a file up to its last line break."""
    with open(path, 'rb') as file:
        position = file.seek(0, os.SEEK_END)
        while position:
            start = max(0, position - 65536)
            file.seek(start)
            found = file.read(position - start).rfind(b'\n')
            if found >= 0:
                return start + found + 1
            position = start
    return 0
