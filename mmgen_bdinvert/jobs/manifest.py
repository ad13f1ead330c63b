# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The manifest: one JSON line for every event of a job, safe if a process dies while it writes.

Every process of a run appends to a file of its own, ``manifest/<rank>.jsonl``: none waits for
another. A line counts once its line break is on disk; an incomplete one at the end is cut off
before the next is written.

A line has ``event``, ``time`` (seconds since 1970), ``run`` (number of the run) and the values of
the event:

* ``start``: ``rank``, ``world_size``, ``host``, ``pid``, ``left`` (the number of images to invert)
  and ``versions`` of packages, by name;
* ``image``: the fields of :class:`ImageOutcome`; ``source_stamp``, null if the source could not be
  read; for inverted images ``file_stamps`` by file name or, if packed, ``shard``, ``begin``,
  ``end`` and ``shard_stamp``;
* ``end``: ``inverted`` by this process, ``seconds``, and ``interrupted``, true or false.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..io.outputs import shown_path, sync_folder, write_error, writing
from ..io.ownership import is_marked, made_in
from ..io.stamps import check_regular
from ..io.tables import finite
from .record import ImageOutcome, check_event, check_image

__all__ = [
    'MAKER',
    'MANIFEST',
    'Manifest',
    'latest_records',
    'manifest_files',
    'next_run',
    'passed_over_note',
    'read_events',
    'read_outcomes',
]

MANIFEST = 'manifest'
MAKER = 'invert'  # owner of a job's files, see io/ownership.py
_FILE = re.compile(r'\d+\.jsonl')
_LONGEST_LINE = 2**20


class Manifest:
    """Appends events to the manifest file of one process; a context manager.

    Args:
        folder (str | os.PathLike): The output folder.
        rank (int): Number of the process. Defaults to 0.
        run (int): Number of the run; later runs have higher numbers, whatever the clock says.
            Defaults to 0.

    Raises:
        OutputError: The file cannot be opened, or is a pipe, a device or a folder.
    """

    def __init__(self, folder: str | os.PathLike, rank: int = 0, run: int = 0) -> None:
        self.rank, self.run = rank, run
        self.path = Path(folder, MANIFEST, f'{rank}.jsonl')
        with writing(self.path):
            self.path.parent.mkdir(exist_ok=True)
            new = not os.path.lexists(self.path)
            if not new:
                check_regular(self.path)
            self._file = open(self.path, 'ab', buffering=0)
            self._cut(_end_of_last_line(self.path))
        if new:
            sync_folder(self.path.parent)

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()

    def add(self, event: str, **values: Any) -> None:
        """Append an event; when this returns, it is on disk."""
        self.add_all(event, [values])

    def add_all(self, event: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append several events of one kind, which are flushed to the disk together."""
        begun = {'event': event, 'time': round(time.time(), 3), 'run': self.run}
        lines = [json.dumps(finite({**begun, **row}), allow_nan=False) + '\n' for row in rows]
        data = ''.join(lines).encode()
        size = os.fstat(self._file.fileno()).st_size
        try:
            written = self._file.write(data)
            if written != len(data):  # the disk is full: writing the rest raises the error
                self._file.write(data[written:])
            os.fsync(self._file.fileno())
        except OSError as error:
            self._cut(size)
            raise write_error(self.path, error) from error

    def _cut(self, size: int) -> None:
        os.ftruncate(self._file.fileno(), size)


def manifest_files(folder: str | os.PathLike) -> list[Path]:
    """List the manifest files of an output folder; files of others are left out."""
    folder = Path(folder, MANIFEST)
    paths = sorted(path for path in folder.glob('*.jsonl') if _FILE.fullmatch(path.name))
    if not is_marked(folder, MAKER):
        return paths
    made = made_in(folder, MAKER)
    return [path for path in paths if path.name in made]


def read_events(folder: str | os.PathLike, event: str) -> Iterator[dict[str, Any]]:
    """Read all sound lines of one event, process by process in the order of writing."""
    return (entry for _, _, entry in _entries(folder) if entry['event'] == event)


def latest_records(
    folder: str | os.PathLike, passed_over: Counter[str] | None = None
) -> dict[str, dict[str, Any]]:
    """Read the last record of each image, by name; later runs count more, whatever the clock said.

    Within a run, records are ordered by time, and within a file by line.
    """
    latest: dict[str, tuple[tuple[int, float], dict[str, Any]]] = {}
    for run, moment, entry in _entries(folder, passed_over):
        if entry['event'] == 'image':
            name, order = entry['name'], (run, moment)
            if name not in latest or order >= latest[name][0]:
                latest[name] = (order, entry)
    return {name: entry for name, (_, entry) in latest.items()}


def next_run(folder: str | os.PathLike) -> int:
    """Return a number for a new run, higher than those of earlier runs."""
    return 1 + max((run for run, _, _ in _entries(folder)), default=0)


def read_outcomes(
    folder: str | os.PathLike, passed_over: Counter[str] | None = None
) -> dict[str, ImageOutcome]:
    """Read the outcomes of all images in an output folder, by name; the last record counts.

    Args:
        folder (str | os.PathLike): The output folder.
        passed_over (Counter | None): Counts the damaged lines, by file. Defaults to None.
    """
    records = latest_records(folder, passed_over)
    return {name: ImageOutcome.of_record(record) for name, record in records.items()}


def passed_over_note(passed_over: Counter[str]) -> str:
    """Return a sentence on the damaged lines of a manifest; '' if there are none."""
    counts = ', '.join(f'{n} in {shown_path(path)}' for path, n in sorted(passed_over.items()))
    return counts and f'damaged lines of the manifest count as never written: {counts}'


def _entries(
    folder: str | os.PathLike, passed_over: Counter[str] | None = None
) -> Iterator[tuple[int, float, dict[str, Any]]]:
    """Yield run, time (at least that of the line before) and content of each sound line."""
    passed_over = Counter() if passed_over is None else passed_over
    for path in manifest_files(folder):
        latest = 0.0
        for line in _lines(path, passed_over):
            try:
                entry = json.loads(line)
                check_event(entry)
                if entry['event'] == 'image':
                    check_image(entry)
            except (ValueError, RecursionError):
                passed_over[str(path)] += 1
                continue
            latest = max(latest, float(entry['time']))
            yield entry.get('run', 0), latest, entry


def _lines(path: Path, passed_over: Counter[str]) -> Iterator[bytes]:
    """Yield the complete lines of a manifest file that are not too long."""
    try:
        check_regular(path)
        file = open(path, 'rb')
    except OSError:
        passed_over[str(path)] += 1
        return
    with file:
        while line := file.readline(_LONGEST_LINE):
            if line.endswith(b'\n'):
                yield line
            elif len(line) == _LONGEST_LINE:
                passed_over[str(path)] += 1
                while line and not line.endswith(b'\n'):
                    line = file.readline(_LONGEST_LINE)


def _end_of_last_line(path: Path) -> int:
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
