# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The results in an output folder, of an inversion or of edits, packed or not."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..io import ImageReadError
from ..io.outputs import shown_path
from ..io.sources import source_at
from ..jobs import ImageOutcome
from ..jobs.manifest import latest_records, manifest_files, passed_over_note
from ..jobs.packed import read_packed
from ..jobs.remaining import has_changed
from ..photos.in_photo import InPhoto, read_target

__all__ = ['METRICS', 'Metric', 'Result', 'ResultFolder']


@dataclass(frozen=True)
class Metric:
    """A measure of inversions: name in the manifest, name on the page, format of its values."""

    key: str
    label: str
    digits: str
    more_is_better: bool = False

    def badness(self, value: float) -> float:
        """Return a number that grows with how bad a value is."""
        return -value if self.more_is_better else value


METRICS = (
    Metric('perceptual', 'perceptual distance', '.4f'),
    Metric('psnr', 'PSNR (dB)', '.2f', more_is_better=True),
    Metric('mse', 'squared error', '.5f'),
    Metric('loss_total', 'weighted loss', '.4f'),
    Metric('seconds', 'seconds', '.1f'),
)


@dataclass(frozen=True)
class Result:
    """One image of an output folder; ``numbers`` has all metrics by their names in the manifest."""

    name: str
    status: str
    reason: str = ''
    source: str = ''
    fit: str = 'crop'
    verdict: str = ''
    numbers: Mapping[str, float] = field(default_factory=dict)


class ResultFolder:
    """An output folder; for arguments and errors see :func:`mmgen_bdinvert.report.write_page`."""

    def __init__(
        self, folder: str | os.PathLike, on_note: Callable[[str], object] | None = None
    ) -> None:
        self.folder = Path(folder)
        self._note = on_note or (lambda sentence: None)
        if not self.folder.is_dir():
            raise FileNotFoundError(
                f'There is no folder {shown_path(folder)}: give an output folder of '
                f'tools/invert.py or tools/edit.py.'
            )
        self.inverted = bool(manifest_files(folder))
        passed_over: Counter[str] = Counter()
        self._records = latest_records(folder, passed_over)
        if passed_over:
            self._note(passed_over_note(passed_over))
        self.results = list(self._inversions() if self.inverted else self._edits())
        if not self.results:
            raise ValueError(
                f'The folder {shown_path(folder)} holds no results of tools/invert.py or '
                f'tools/edit.py.'
            )
        self._packed = {name: r for name, r in self._records.items() if 'shard' in r}
        self._reported: set[str] = set()  # damaged shards

    def text(self, file: str) -> str:
        """Read a text file of the run; '' if there is none."""
        path = self.folder / file
        return path.read_text('utf-8', 'replace') if path.is_file() else ''

    def files(self, result: Result) -> dict[str, bytes]:
        """Read the pictures of a result by file name; deleted ones are left out."""
        if result.name in self._packed and not (self.folder / result.name).is_dir():
            try:
                return read_packed(self.folder, result.name, self._packed)
            except ValueError as error:
                shard = self._packed[result.name]['shard']
                if shard not in self._reported:
                    self._reported.add(shard)
                    self._note(str(error))
                return {}
        paths = [path for path in (self.folder / result.name).glob('*.png') if path.is_file()]
        return {path.name: path.read_bytes() for path in paths}

    def original(self, result: Result, size: int) -> np.ndarray | None:
        """Read the inverted image, RGB uint8 (size, size, 3); None if it is gone or has changed."""
        try:
            source, record = source_at(result.source), self._records[result.name]
            if has_changed(source, record):
                return None
            place = InPhoto.of_facts(source, record['metrics'])
            return read_target(place or source, size, result.fit)[0]
        except (ImageReadError, OSError, ValueError, KeyError):
            return None

    def _inversions(self) -> Iterator[Result]:
        for one in map(ImageOutcome.of_record, self._records.values()):
            row = one.row()
            numbers = {
                key: float(value)
                for key, value in row.items()
                if isinstance(value, (int, float)) and math.isfinite(value)
            }
            fit = str(row.get('fit', 'crop'))
            verdict = str(row.get('verdict', ''))
            made = (str(one.source), fit, verdict, numbers)
            yield Result(one.name, one.status, one.reason, *made)

    def _edits(self) -> Iterator[Result]:
        for path in sorted(self.folder.glob('*/comparison.png')):
            if any(path.parent.glob('edited*.png')):
                yield Result(path.parent.name, 'done')
