# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What an inversion of files leaves on disk."""

from __future__ import annotations

import csv
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bdinvert_cli.text import from_csv

from ..engine.config import is_config
from ..io.errors import OutputError
from ..io.outputs import atomic_write, remove_leftovers, save_png, shown_path, write_error
from ..io.ownership import claim_outputs
from ..io.tables import save_json
from ..structures import LatentCode
from ..visualization import comparison, contact_sheet, plot_losses
from ..visualization.grid import MIN_TILE
from ..visualization.lettering import notice

__all__ = [
    'CONFIG_FILE',
    'RESULT_FILES',
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
CONFIG_FILE = 'config.py'
_GAIN = 4
_SHEET_ROWS = 50


def save_inversion(
    folder: str | os.PathLike,
    *,
    code: LatentCode,
    pictures: Mapping[str, np.ndarray],
    reconstruction: np.ndarray,
    history: Mapping[str, Sequence[float]],
    metrics: Mapping[str, Any],
    title: str = '',
) -> None:
    """Write the ``RESULT_FILES`` of one image, each whole or not at all, ``metrics.json`` last.

    An earlier ``metrics.json`` is removed first, so that where there is one, the files beside it
    belong together.

    Args:
        folder (str | os.PathLike): An existing folder.
        code (LatentCode): Latent code of one image.
        pictures (Mapping[str, np.ndarray]): Caption to RGB uint8 picture, for the comparison.
        reconstruction (np.ndarray): RGB uint8 (H, W, 3).
        history (Mapping[str, Sequence[float]]): Weighted losses at each step, by name.
        metrics (Mapping[str, Any]): Facts that JSON can hold; non-finite numbers become null.
        title (str): Name of the image. Defaults to ''.

    Raises:
        OutputError: A file cannot be written.
    """
    folder = Path(folder)
    remove_leftovers(folder)
    done = folder / RESULT_FILES[-1]
    try:
        done.unlink(missing_ok=True)
    except OSError as error:
        raise write_error(done, error) from error
    code.save(folder / 'code.safetensors')
    save_png(folder / 'reconstruction.png', reconstruction)
    save_png(folder / 'comparison.png', comparison(pictures, title=title))
    _save_curves(folder / 'losses.png', history, title)
    save_json(done, metrics)


def _save_curves(path: Path, history: Mapping[str, Sequence[float]], title: str) -> None:
    """Draw the loss curves; a plot that fails is replaced by a notice and never fails the image."""
    try:
        plot_losses(history, path, title=title)
    except OutputError:
        raise
    except Exception as error:  # matplotlib has many reasons
        reason = ' '.join(str(error).split())[:200] or type(error).__name__
        text = f'The loss curves cannot be drawn ({reason}).'
        warnings.warn(text, stacklevel=2)
        save_png(path, notice(text))


def difference(image: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Show where two RGB uint8 pictures (H, W, 3) differ: grey where equal, four times enlarged."""
    gap = image.astype(np.int16) - target.astype(np.int16)
    return (128 + _GAIN * gap).clip(0, 255).astype(np.uint8)


def read_table(path: str | os.PathLike) -> list[dict[str, str | float]]:
    """Read a CSV file of :func:`save_table` back.

    Args:
        path (str | os.PathLike): Such as ``summary.csv``.

    Returns:
        list[dict[str, str | float]]: Values by column: text as it was, numbers as float, and '' for
        what was absent.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is none of :func:`save_table`.
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
    """A contact sheet in the making, which keeps the first rows only, and those small."""

    def __init__(self) -> None:
        self.count = 0
        self._rows: list[tuple[str, dict[str, np.ndarray]]] = []

    def add(self, name: str, pictures: Mapping[str, np.ndarray]) -> None:
        """Add a row: column heading to RGB uint8 picture (H, W, 3)."""
        self.count += 1
        if len(self._rows) < _SHEET_ROWS:
            self._rows.append((name, {k: _thumbnail(v) for k, v in pictures.items()}))

    def save(self, path: str | os.PathLike) -> None:
        """Write the sheet; nothing if there is no row.

        Raises:
            OutputError: The file cannot be written.
        """
        if self._rows:
            names, rows = zip(*self._rows)
            title = f'The first {len(rows)} of {self.count}' if self.count > len(rows) else ''
            save_png(path, contact_sheet(rows, names, title=title))


def save_config(folder: str | os.PathLike, owner: object, maker: str) -> None:
    """Write ``config.py`` with the resolved config of a model that has one, as ``cfg``.

    It is for people: nothing runs it, unless a user names it. A config that is read from this very
    file stays as it is.

    Args:
        folder (str | os.PathLike): An existing folder.
        owner (object): The model.
        maker (str): See :func:`mmgen_bdinvert.io.claim_outputs`.

    Raises:
        OutputError: The file cannot be written.
    """
    cfg, path = getattr(owner, 'cfg', None), Path(folder, CONFIG_FILE)
    if cfg is None or is_config(path, cfg):
        return
    text = cfg.pretty_text
    claim_outputs([path], maker)
    atomic_write(path, lambda temporary: temporary.write_text(text, 'utf-8'))


def _thumbnail(rgb: np.ndarray) -> np.ndarray:
    if max(rgb.shape[:2]) <= MIN_TILE:
        return rgb
    image = Image.fromarray(rgb)
    image.thumbnail((MIN_TILE, MIN_TILE), Image.Resampling.LANCZOS)
    return np.array(image)
