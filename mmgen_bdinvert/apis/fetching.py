# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Files of others, fetched into the cache folder and made usable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bdinvert_cli.catalogue import Conversion, RemoteFile

from ..converters import convert_file
from ..io import DownloadError, cache_folder, download, file_digest

__all__ = ['convert_fetched', 'fetch_file', 'place_of']


def place_of(file: RemoteFile | Conversion) -> Path:
    """Return where a file of the catalogue is, or will be, on this machine."""
    return cache_folder() / file.place


def fetch_file(file: RemoteFile, on_bytes: Callable[[int, int], object] | None = None) -> str:
    """Download a file of the catalogue unless it is there, and check it; return its SHA-256.

    Raises:
        DownloadError: It cannot be downloaded, another file is sent or lies in its place, or
            people have to download it; the message says where from and where to.
        OutputError: It cannot be written.
    """
    path = place_of(file)
    if not path.exists():
        if file.by_hand:
            raise DownloadError(
                f'{path.name} has no address that a program may use: download it from {file.url} '
                f'({file.what}), place it at {path}, and give the same command again'
            )
        download(file.url, path, size=file.size, sha256=file.sha256, on_bytes=on_bytes)
    found = file_digest(path)
    if not found.startswith(file.sha256):
        raise DownloadError(
            f'{path} is another file than the one of {file.url}, by its SHA-256 ({found}): move '
            f'it away, and give the same command again'
        )
    return found


def convert_fetched(conversion: Conversion) -> Path | None:
    """Convert fetched files into one of this package, unless that is there.

    Returns:
        Path | None: The result; None if what it is made from is not there.

    Raises:
        ValueError, OutputError: As :func:`mmgen_bdinvert.converters.convert_file`.
    """
    path, source = place_of(conversion), cache_folder() / conversion.source
    if not path.is_file():
        if not source.exists():
            return None
        convert_file(source, path, conversion.format)
    return path
