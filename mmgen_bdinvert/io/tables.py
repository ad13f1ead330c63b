# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""JSON objects and CSV tables on disk."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bdinvert_cli.text import to_csv

from .outputs import atomic_write


def save_json(path: str | os.PathLike, values: Mapping[str, Any]) -> None:
    """Write a JSON object, atomically.

    Raises:
        OutputError: The file cannot be written.
    """
    text = json.dumps(finite(values), indent=2, allow_nan=False) + '\n'
    atomic_write(path, lambda temporary: temporary.write_text(text, encoding='utf-8'))


def save_table(
    path: str | os.PathLike, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]
) -> None:
    """Write a CSV file, atomically; absent and non-finite values are left empty.

    Text is quoted and written by :func:`~bdinvert_cli.text.to_csv`, numbers are bare. Values of a
    row that belong to no column are ignored.

    Raises:
        OutputError: The file cannot be written.
    """

    def write(temporary: Path) -> None:
        with open(temporary, 'w', newline='', encoding='utf-8') as file:
            writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
            writer.writerow(map(to_csv, columns))
            for row in rows:
                writer.writerow(to_csv(finite(row.get(column))) for column in columns)

    atomic_write(path, write)


def finite(value: Any) -> Any:
    """Replace non-finite numbers by None, at any depth, as JSON has none."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
