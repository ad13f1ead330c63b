# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Results of a benchmark on disk: one file for each face, written at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmgen_bdinvert.io import atomic_write, ensure_writable_folder
from mmgen_bdinvert.io.saved import FileKind, json_fact

__all__ = ['InversionStore', 'RowStore']

_KIND = FileKind(
    'mmgen_bdinvert.inversion', 'result of a benchmark', 'remove it and run the benchmark again'
)


class _Store:
    """Files ``<folder>/<name>-<digest>/<kind>/<face><suffix>``.

    The digest names all settings that the results depend on, so those of other settings lie in
    another folder: a run with other settings neither uses nor overwrites them.

    Args:
        folder (Path): Folder of the benchmark's stores.
        name (str): Name of the method.
        digest (str): Digest of its settings; the first 12 characters are used.
    """

    suffix = ''

    def __init__(self, folder: Path, name: str, digest: str) -> None:
        self.folder = Path(folder) / f'{name}-{digest[:12]}'

    def path(self, kind: str, face: str) -> Path:
        """Return the file of a face."""
        return self.folder / kind / f'{face}{self.suffix}'

    def _path_to_write(self, kind: str, face: str) -> Path:
        path = self.path(kind, face)
        if not path.parent.is_dir():
            ensure_writable_folder(path.parent)
        return path


class InversionStore(_Store):
    """Results of inversions: the variables of each face, and facts about it."""

    suffix = '.safetensors'

    def save(
        self, kind: str, face: str, variables: Mapping[str, Tensor], facts: Mapping[str, Any]
    ) -> None:
        """Store a face's variables, each without the batch dimension, and facts JSON can hold."""
        _KIND.save(self._path_to_write(kind, face), variables, {'facts': json.dumps(dict(facts))})

    def load(self, kind: str, face: str) -> dict[str, Tensor]:
        """Read a face's variables.

        Raises:
            ValueError: The file is damaged.
        """
        return _KIND.read(self.path(kind, face))[0]

    def facts(self, kind: str, face: str) -> dict[str, Any] | None:
        """Read a face's facts; None if it was not inverted yet."""
        path = self.path(kind, face)
        if not path.is_file():
            return None
        return json_fact(path, _KIND.read(path)[1], 'facts', {})


class RowStore(_Store):
    """Measures: one row of numbers for each face."""

    suffix = '.json'

    def save(self, kind: str, face: str, row: Mapping[str, Any]) -> None:
        """Store a row, which is plain data; NaN is kept."""
        text = json.dumps(dict(row), sort_keys=True) + '\n'
        path = self._path_to_write(kind, face)
        atomic_write(path, lambda temporary: temporary.write_text(text, encoding='utf-8'))

    def load(self, kind: str, face: str) -> dict[str, Any] | None:
        """Read a row; None if there is none yet.

        Raises:
            ValueError: The file is damaged.
        """
        path = self.path(kind, face)
        if not path.is_file():
            return None
        try:
            return _checked(path.read_text(encoding='utf-8'), path)
        except UnicodeDecodeError as e:
            raise ValueError(f'{path} is damaged ({e}): remove it and run again.') from e


def _checked(text: str | None, path: Path) -> dict[str, Any]:
    """Read facts or a row; a file with neither was not stored here, and is not replaced."""
    try:
        values = json.loads(text or '')
        values['target']
    except (ValueError, KeyError, TypeError, RecursionError) as e:
        raise ValueError(f'{path} is damaged ({e}): remove it and run again.') from e
    return values


def stack(rows: list[dict[str, Tensor]], device: torch.device) -> dict[str, Tensor]:
    """Stack the variables of faces into a batch."""
    return {name: torch.stack([row[name] for row in rows]).to(device) for name in rows[0]}
