# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What became of one image."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ['ImageOutcome']


@dataclass(frozen=True)
class ImageOutcome:
    """What became of one image.

    Args:
        name (str): Name of its results in the output folder.
        source (Path): The image file.
        status (str): 'done'; 'stopped' if its loss became non-finite too often and its best state
            was saved; 'failed' if nothing was.
        reason (str): Why it was not done, in one sentence. Defaults to ''.
        metrics (dict): What ``metrics.json`` holds. Defaults to nothing.
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
        return {
            'name': self.name,
            'source': os.path.abspath(self.source),
            'status': self.status,
            'reason': self.reason,
            'metrics': self.metrics,
        }

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> ImageOutcome:
        """Return what :meth:`record` was made of."""
        values = {key: record[key] for key in ('name', 'status', 'reason', 'metrics')}
        return cls(source=Path(record['source']), **values)
