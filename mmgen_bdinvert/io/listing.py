# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Which image files there are."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from .images import ImageReadError
from .outputs import shown_path

T = TypeVar('T', bound=os.PathLike)

# HEIF needs a Pillow plugin, but is listed so that phone photos are never skipped in silence.
IMAGE_SUFFIXES = frozenset(
    '.png .apng .jpg .jpeg .jpe .jfif .mpo .bmp .gif .webp .tif .tiff '
    '.ppm .pgm .pbm .pnm .jp2 .j2k .avif .heic .heif'.split()
)


def find_images(inputs: str | os.PathLike | Iterable[str | os.PathLike]) -> list[Path]:
    """List the image files that files and folders stand for.

    A file is kept whatever its name. A folder is searched recursively for ``IMAGE_SUFFIXES``, in
    natural order (``2.png`` before ``10.png``), hidden files and folders left out. The order of
    the inputs is kept; what was reached before, by links too, is not repeated.

    Args:
        inputs (str | os.PathLike | Iterable): Files and folders.

    Returns:
        list[Path]: At least one path.

    Raises:
        FileNotFoundError: An input does not exist.
        ValueError: Nothing was given, or a folder holds no image or cannot be listed.
    """
    if isinstance(inputs, (str, os.PathLike)):
        inputs = [inputs]
    found: dict[str, Path] = {}
    for item in map(Path, inputs):
        if os.path.isdir(item):
            images = _images_below(item)
        elif os.path.exists(item):
            images = [item]
        else:
            raise FileNotFoundError(f'input {shown_path(item)} does not exist; check the path')
        for place, path in by_place(images).items():
            found.setdefault(place, path)
    if not found:
        raise ValueError('at least one image file or folder must be given, but got none')
    return list(found.values())


def by_place(paths: Iterable[T]) -> dict[str, T]:
    """Key files by where they really are, each once, in their order.

    Links to folders are followed, links to files keep a name of their own.
    """
    folders: dict[str, str] = {}
    places: dict[str, T] = {}
    for path in paths:
        folder, name = os.path.split(os.fspath(path))
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        places.setdefault(os.path.join(folders[folder], name), path)
    return places


def _images_below(folder: Path) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise ImageReadError(
            f'folder {shown_path(error.filename)} cannot be listed ({error.strerror}); '
            'change its permissions or leave it out'
        ) from error

    images = []
    visited = {os.path.realpath(folder)}
    for root, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        inner = {name: os.path.realpath(os.path.join(root, name)) for name in sorted(folders)}
        folders.clear()
        for name, real in inner.items():
            if not name.startswith('.') and real not in visited:
                visited.add(real)
                folders.append(name)
        images += [
            Path(root, name)
            for name in files
            if not name.startswith('.') and os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES
        ]  # pipes and broken links too: they fail with a sentence, rather than in silence
    if not images:
        raise ValueError(f'folder {shown_path(folder)} holds no image file; check the path')
    return sorted(images, key=natural_key)


def natural_key(path: Path) -> tuple:
    """Return the key by which paths are in natural order."""
    parts = [re.split(r'(\d+)', part.casefold()) for part in path.parts]
    # re.split with a group alternates text and digits, so equal positions have equal types.
    return [[int(p) if i % 2 else p for i, p in enumerate(part)] for part in parts], str(path)
