# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Paths in configs: ordinary ones, and files that are shipped with the package."""

from __future__ import annotations

import os
from pathlib import Path

_SCHEME = 'asset://'
_ASSETS = Path(__file__).resolve().parent.parent / 'assets'


def local_path(source: str | os.PathLike) -> Path:
    """Turn ``asset://toon64/generator.safetensors`` into the path of the file in the package.

    Args:
        source (str | os.PathLike): Ordinary paths are returned as they are.

    Raises:
        ValueError: If an asset path leaves the assets folder.
    """
    text = os.fspath(source)
    if not text.startswith(_SCHEME):
        return Path(source)
    path = (_ASSETS / text[len(_SCHEME) :]).resolve()
    if _ASSETS not in path.parents:
        raise ValueError(f'An {_SCHEME} path stays inside the package, but got {text!r}.')
    return path
