# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Paths in configs: ordinary ones, files shipped with the package, and fetched ones."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import torch

from bdinvert_cli.catalogue import known_places

_ASSET, _FETCHED = 'asset://', 'fetched://'
_ASSETS = Path(__file__).resolve().parent.parent / 'assets'


def cache_folder() -> Path:
    """Return PyTorch's folder for downloaded weights, where torchvision puts its own too."""
    return Path(torch.hub.get_dir(), 'checkpoints')


def local_path(source: str | os.PathLike) -> Path:
    """Turn ``asset://toon64/generator.safetensors`` into the path of the file in the package.

    Likewise ``fetched://ffhq/generator`` into that of a file that ``bdinvert fetch`` brought.

    Args:
        source (str | os.PathLike): Ordinary paths are returned as they are.

    Raises:
        FileNotFoundError: A file has not been fetched.
        ValueError: An asset path leaves the assets folder, or nothing of this name is fetched.
    """
    text = os.fspath(source)
    if text.startswith(_FETCHED):
        return _fetched(text[len(_FETCHED) :])
    if not text.startswith(_ASSET):
        return Path(source)
    path = (_ASSETS / text[len(_ASSET) :]).resolve()
    if _ASSETS not in path.parents:
        raise ValueError(f'An {_ASSET} path stays inside the package, but got {text!r}.')
    return path


def _fetched(name: str) -> Path:
    places = known_places()
    if name not in places:
        close = difflib.get_close_matches(name, places, n=1)
        known = f'did you mean {close[0]}?' if close else f'known are {", ".join(places)}.'
        raise ValueError(f'Nothing is fetched under the name {name!r}: {known}')
    path = cache_folder() / places[name]
    if not path.is_file():
        raise FileNotFoundError(
            f'{_FETCHED}{name} is not there yet: bdinvert fetch {name.partition("/")[0]} '
            'downloads it, or says where it comes from.'
        )
    return path
