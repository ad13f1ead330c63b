# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Directions in arrays of other programs, one of which may be chosen as ``FILE#CHOICE``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from ..io.tensors import floats, read_file, shown_name

__all__ = ['read_vector', 'split_choice']

_COLUMNS = 'eigvec'  # of rosinality's factor.pt: a direction is a column
_KNOWN = ('boundary', 'direction', _COLUMNS, 'lat_comp')  # what arrays of directions are called


def split_choice(path: str) -> tuple[str, str]:
    """Split ``FILE#CHOICE``; the choice is '' where there is none, or a file is called so."""
    match = re.fullmatch(r'(.+\.\w+)#([\w.-]+)', path)
    return (match[1], match[2]) if match and not Path(path).exists() else (path, '')


def read_vector(file: Path, choice: str = '') -> Tensor:
    """Read a direction from ``.npy``, ``.npz``, ``.pt`` or ``.pth``, in float32.

    Args:
        file (Path): With one array, or several by name, such as a ``boundary`` and its intercept,
            or the ``eigvec`` of rosinality's ``factor.pt``.
        choice (str): Name of an array, or number of a vector in an array of several. Defaults to
            '', the only one.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It holds anything else, or the choice is none of it; no code in it is run.
    """
    content, name = read_file(file, 'array of numbers'), ''
    if isinstance(content, Mapping):
        arrays = {str(k): v for k, v in content.items() if isinstance(v, Tensor)}
        wanted = [choice] if choice in arrays else [n for n in _KNOWN if n in arrays]
        if not wanted and len(arrays) == 1 and file.suffix == '.npz':
            wanted = list(arrays)
        if not wanted:
            held = ', '.join(map(shown_name, list(arrays)[:4])) or 'none'
            raise ValueError(
                f'{file} must hold one tensor, but holds a dict: choose one as {file.name}#NAME, '
                f'of {held}.'
            )
        name = wanted[0]
        content, choice = arrays[name], '' if name == choice else choice
    if not isinstance(content, Tensor):
        raise ValueError(f'{file} must hold one tensor, but holds a {type(content).__name__}.')
    try:
        vectors = floats(content, name or file.stem)
    except ValueError as error:
        raise ValueError(f'{file} is not a usable array of numbers: {error}.') from error
    vectors = vectors.T if name == _COLUMNS and vectors.ndim == 2 else vectors
    if not choice and name != _COLUMNS:
        return vectors
    count = len(vectors) if vectors.ndim > 1 else 0
    if not choice.isdigit() or int(choice) >= count:
        raise ValueError(
            f'{file} holds {count} directions: choose one as {file.name}#0, counted from 0, but '
            f'got {choice or "none"}.'
        )
    return vectors[int(choice)]
