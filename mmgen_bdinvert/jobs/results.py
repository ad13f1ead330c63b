# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The files that an inversion leaves on disk."""

from __future__ import annotations

import csv
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bdinvert_cli.sentences import reason_of
from bdinvert_cli.text import from_csv

from ..engine.config import is_config
from ..io.errors import OutputError
from ..io.images import save_png
from ..io.outputs import remove_files, remove_leftovers, shown_path, write_bytes
from ..io.ownership import claim_outputs
from ..io.tables import save_json
from ..structures import LatentCode
from ..visualization import comparison, contact_sheet, plot_losses
from ..visualization.grid import MIN_TILE
from ..visualization.lettering import notice

__all__ = [
    'CONFIG_FILE',
    'RESULT_FILES',
    'SUMMARY_FILES',
    'Sheet',
    'difference',
    'read_table',
    'save_config',
    'save_inversion',
]

# In the order in which they are written: the last one says that all of them are there.
RESULT_FILES = (
    'code.safetensors',
    'reconstruction.png',
    'comparison.png',
    'losses.png',
    'metrics.json',
)
SUMMARY_FILES = ('contact_sheet.png', 'report.md', 'summary.csv')
CONFIG_FILE = 'config.py'
_GAIN = 4
_SHEET_ROWS = 50


def save_inversion(
    folder: str | os.PathLike,
    *,
    code: LatentCode,
    pictures: Mapping[str, np.ndarray] | None,
    reconstruction: np.ndarray,
    history: Mapping[str, Sequence[float]],
    metrics: Mapping[str, Any],
    title: str = '',
) -> None:
    """Write the ``RESULT_FILES`` of one image, each atomically, ``metrics.json`` last.

    An earlier ``metrics.json`` is removed first: where there is one, the files beside it belong
    together. Pictures, by their captions in the comparison, are RGB uint8 (H, W, 3). Without them
    there are neither comparison nor curves, which take longer than an inversion without steps;
    earlier ones are removed.
    """
    folder = Path(folder)
    remove_leftovers(folder)
    done = folder / RESULT_FILES[-1]
    remove_files([done])
    code.save(folder / 'code.safetensors')
    save_png(folder / 'reconstruction.png', reconstruction)
    if pictures is None:
        remove_files([folder / 'comparison.png', folder / 'losses.png'])
    else:
        save_png(folder / 'comparison.png', comparison(pictures, title=title))
        _save_curves(folder / 'losses.png', history, title)
    save_json(done, metrics)


def _save_curves(path: Path, history: Mapping[str, Sequence[float]], title: str) -> None:
    """Plot the loss curves; if that fails, warn and save a picture with the reason."""
    try:
        plot_losses(history, path, title=title)
    except OutputError:
        raise
    except Exception as error:  # matplotlib has many reasons
        text = f'The loss curves cannot be drawn ({reason_of(error)[:200]}).'
        warnings.warn(text, stacklevel=2)
        save_png(path, notice(text))


def difference(image: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return 128 plus four times the difference of two RGB uint8 pictures (H, W, 3)."""
    gap = image.astype(np.int16) - target.astype(np.int16)
    return (128 + _GAIN * gap).clip(0, 255).astype(np.uint8)


def read_table(path: str | os.PathLike) -> list[dict[str, str | float]]:
    """Read a CSV table of this package, such as ``summary.csv``.

    Returns:
        list[dict[str, str | float]]: Values by column: the original text, numbers as float, and ''
        for absent values.

    Raises:
        OSError: The file cannot be read.
        ValueError: It was not written by this package.
    """
    with open(path, newline='', encoding='utf-8') as file:
        try:
            columns, *rows = (
                [from_csv(cell) if isinstance(cell, str) else cell for cell in row]
                for row in csv.reader(file, quoting=csv.QUOTE_NONNUMERIC, strict=True)
            )
        except (csv.Error, ValueError) as error:
            raise ValueError(f'{shown_path(path)} is no table of this package: {error}') from error
    return [dict(zip(columns, row)) for row in rows]


class Sheet:
    """Collects the rows of a contact sheet: the first ones only, as thumbnails."""

    def __init__(self) -> None:
        self.count = 0
        self._rows: list[tuple[str, dict[str, np.ndarray]]] = []

    @property
    def is_full(self) -> bool:
        """bool: Whether it shows no more rows than it has."""
        return len(self._rows) >= _SHEET_ROWS

    def add(self, name: str, pictures: Mapping[str, np.ndarray]) -> None:
        """Add a row: column heading to RGB uint8 picture (H, W, 3); only counted if it is full."""
        self.count += 1
        if not self.is_full:
            self._rows.append((name, {k: _thumbnail(v) for k, v in pictures.items()}))

    def save(self, path: str | os.PathLike) -> None:
        """Write the sheet if it has a row; an OutputError if that fails."""
        if self._rows:
            names, rows = zip(*self._rows)
            title = f'The first {len(rows)} of {self.count}' if self.count > len(rows) else ''
            save_png(path, contact_sheet(rows, names, title=title))


def _thumbnail(rgb: np.ndarray) -> np.ndarray:
    if max(rgb.shape[:2]) <= MIN_TILE:
        return rgb
    image = Image.fromarray(rgb)
    image.thumbnail((MIN_TILE, MIN_TILE), Image.Resampling.LANCZOS)
    return np.array(image)


def save_config(folder: str | os.PathLike, owner: object, maker: str) -> None:
    """Write the resolved config of a model that has one, as ``cfg``, to ``config.py``.

    It is for people: nothing runs it unless a user names it. A config that was read from this very
    file stays as it is.
    """
    cfg, path = getattr(owner, 'cfg', None), Path(folder, CONFIG_FILE)
    if cfg is not None and not is_config(path, cfg):
        text = cfg.pretty_text
        claim_outputs([path], maker)
        write_bytes(path, text.encode())
