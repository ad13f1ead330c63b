# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Image files that files and folders stand for."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from bdinvert_cli.options import IMAGE_SUFFIXES

from .errors import ImageReadError
from .outputs import shown_path

T = TypeVar('T', bound=os.PathLike)


def find_images(inputs: str | os.PathLike | Iterable[str | os.PathLike]) -> list[Path]:
    """List the image files that files and folders stand for.

    A file is kept whatever its name. A folder is searched recursively for ``IMAGE_SUFFIXES``, in
    natural order (``2.png`` before ``10.png``); hidden files and folders and ``__MACOSX`` are left
    out. The order of the inputs is kept; what was reached before, by links too, is not repeated.

    Args:
        inputs (str | os.PathLike | Iterable): Files and folders.

    Returns:
        list[Path]: One or more.

    Raises:
        FileNotFoundError: An input does not exist.
        ValueError: Nothing was given, or a folder holds no image or cannot be listed.
    """
    if isinstance(inputs, (str, os.PathLike)):
        inputs = [inputs]
    found: dict[str, Path] = {}
    for item in inputs:
        if not os.fspath(item):
            raise ValueError("an input is the path of an image or a folder, but got ''")
        item = Path(item)
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
    """Key files by their real place, each once, in their order.

    Links to folders are followed; links to files keep their own name.
    """
    folders: dict[str, str] = {}
    places: dict[str, T] = {}
    for path in paths:
        folder, name = os.path.split(os.fspath(path))
        if folder not in folders:
            folders[folder] = real_path(folder)
        places.setdefault(os.path.join(folders[folder], name), path)
    return places


def real_path(path: str | os.PathLike) -> str:
    """Follow all links; a path that no file system can hold, such as lone surrogates, is kept."""
    try:
        return os.path.realpath(path)
    except ValueError:
        return os.path.abspath(path)


def is_of_macos(path: str | os.PathLike) -> bool:
    """Return whether macOS made a file beside one of the same name, for its own notes."""
    path = Path(path)
    return path.name.startswith('._') or '__MACOSX' in path.parts


def counted(names: Sequence[str]) -> str:
    """Return how many names there are, and the first of them."""
    shown = ', '.join(map(repr, names[:3]))
    return f'{len(names)} ({shown}{", …" if len(names) > 3 else ""})'


def _images_below(folder: Path) -> list[Path]:
    images = []
    searched: set[tuple[int, int]] = set()
    waiting = deque([os.fspath(folder)])
    while waiting:
        here = waiting.popleft()
        try:
            status = os.stat(here)
            if (status.st_dev, status.st_ino) in searched:  # links may lead in circles
                continue
            searched.add((status.st_dev, status.st_ino))
            with os.scandir(here) as entries:
                visible = [e for e in entries if e.name[0] != '.' and e.name != '__MACOSX']
        except OSError as error:
            raise ImageReadError(
                f'folder {shown_path(here)} cannot be listed ({error.strerror}); '
                'change its permissions or leave it out'
            ) from error
        for entry in sorted(visible, key=lambda entry: entry.name):
            if _is_folder(entry):
                waiting.append(entry.path)
            elif os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES:
                # Pipes and broken links too: they fail with a message, not silently.
                images.append(Path(entry.path))
    if not images:
        raise ValueError(f'folder {shown_path(folder)} holds no image file; check the path')
    return sorted(images, key=natural_key)


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def natural_key(path: Path) -> tuple:
    """Return the key by which paths are in natural order."""
    parts = [re.split(r'(\d+)', part.casefold()) for part in path.parts]
    # re.split with a group alternates text and digits, so equal positions have equal types.
    return [[int(p) if i % 2 else p for i, p in enumerate(part)] for part in parts], str(path)
