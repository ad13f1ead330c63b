# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Paths in configs: ordinary ones, and files that travel with the package."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ['ASSET_SCHEME', 'local_path']

ASSET_SCHEME = 'asset://'
_ASSETS = Path(__file__).resolve().parent.parent / 'assets'


def local_path(source: str | os.PathLike) -> Path:
    """Turn ``asset://toon64/generator.safetensors`` into the file inside the package.

    Args:
        source (str | os.PathLike): An ordinary path, returned as it is, or an ``asset://`` one.

    Returns:
        Path: The file; it need not exist.

    Raises:
        ValueError: If an asset path leaves the assets folder.
    """
    text = os.fspath(source)
    if not text.startswith(ASSET_SCHEME):
        return Path(source)
    path = (_ASSETS / text[len(ASSET_SCHEME) :]).resolve()
    if _ASSETS not in path.parents:
        raise ValueError(f'An {ASSET_SCHEME} path stays inside the package, but got {text!r}.')
    return path
