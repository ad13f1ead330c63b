# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Where images come from: files, folders, patterns, lists of paths, and tar archives."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import astuple
from functools import lru_cache
from pathlib import Path
from typing import Any, Union

from .archives import TarMember, images_in_tar
from .errors import note_once
from .listing import IMAGE_SUFFIXES, by_place, find_images, is_of_macos, natural_key, real_path
from .lists import LIST_SUFFIXES, images_in_list
from .outputs import shown_path

ImageSource = Union[Path, TarMember]


def find_sources(inputs: str | os.PathLike | Iterable[str | os.PathLike]) -> list[ImageSource]:
    """List the images that inputs stand for.

    * A folder is searched as :func:`find_images` does.
    * A pattern such as ``'photos/**/*.jpg'`` stands for its matches, in natural order.
    * ``.txt`` and ``.list`` are lists of paths, one a line; ``.csv`` has a column ``path``;
      ``.jsonl`` has an object with ``path`` in every line. Paths are relative to the list's folder,
      or to the working folder if all of them exist there and none in the list's folder. A wrong one
      fails alone, when it is read.
    * ``.tar``, uncompressed as WebDataset's, is searched for members with an image's suffix;
      nothing is unpacked.
    * Anything else is an image file.

    The files ``._*`` and ``__MACOSX/*`` that macOS puts beside images are left out, unless one is
    an input by itself.

    Args:
        inputs (str | os.PathLike | Iterable): One or more of these.

    Returns:
        list[Path | TarMember]: One or more, without repetitions.

    Raises:
        FileNotFoundError: An input does not exist, or a pattern matches nothing.
        ValueError: Nothing was given, or an input holds no image or cannot be read.
    """
    inputs = [inputs] if isinstance(inputs, (str, os.PathLike)) else list(inputs)
    found: dict[str, ImageSource] = {}
    for item in map(os.fspath, inputs):
        for place, source in _sources_of(item).items():
            found.setdefault(place, source)
    if not found:
        raise ValueError('at least one image file or folder must be given, but got none')
    return list(found.values())


def source_at(path: str | os.PathLike) -> ImageSource:
    """Find a file, or a member of a tar archive that is written as ``archive.tar/member``.

    Raises:
        KeyError, OSError, ValueError: The archive has no such member, or cannot be read.
    """
    archive = next((p for p in Path(path).parents if p.suffix == '.tar' and p.is_file()), None)
    if archive is None:
        return Path(path)
    return _members(archive)[os.path.relpath(path, archive)]


@lru_cache(maxsize=8)
def _members(archive: Path) -> dict[str, ImageSource]:
    return {os.path.normpath(member.member): member for member in find_sources(archive)}


def source_to_json(source: ImageSource) -> Any:
    """Return a source in a form for JSON; see :func:`source_from_json`."""
    if isinstance(source, TarMember):
        return [*astuple(source)]
    return str(source)


def source_from_json(value: Any) -> ImageSource:
    """Return what :func:`source_to_json` was given."""
    return TarMember(*value) if isinstance(value, list) else Path(value)


def _sources_of(item: str) -> Mapping[str, ImageSource]:
    if not os.path.lexists(item) and glob.has_magic(item):
        return by_place(_matches(item))
    suffix = os.path.splitext(item)[1].lower()
    if os.path.isdir(item) or not os.path.isfile(item):
        return by_place(find_images(item))
    if suffix == '.tar':
        archive = real_path(item)
        # Names may contain `..`: nothing is unpacked, so they are nothing but names.
        return {f'{archive}\0{name}': member for name, member in images_in_tar(item).items()}
    if suffix in LIST_SUFFIXES:
        return by_place(images_in_list(item))
    return by_place([Path(item)])


def _matches(pattern: str) -> list[Path]:
    paths = [
        path
        for path in map(Path, matching_paths(pattern))
        if path.suffix.lower() in IMAGE_SUFFIXES and not is_of_macos(path) and not path.is_dir()
    ]
    if not paths:
        raise FileNotFoundError(f'no image matches {shown_path(pattern)}; check the pattern')
    return sorted(paths, key=natural_key)


def matching_paths(pattern: str) -> list[str]:
    """List the paths that match a pattern, as ``glob.glob(pattern, recursive=True)`` does.

    Unlike there, a folder is searched once for each part of the pattern, however many links lead to
    it, so that links in circles come to an end; and the log names folders that cannot be listed.
    """
    drive, path = os.path.splitdrive(pattern)
    if os.altsep:
        path = path.replace(os.altsep, os.sep)
    parts = [part for part in path.split(os.sep) if part]
    if parts and parts[-1] == '**':
        parts.append('*')
    found: list[str] = []
    searched: set[tuple[int, int, int]] = set()
    # Paths that match the first parts of the pattern, and the number of these parts; breadth first.
    waiting = deque([(drive + os.sep if path.startswith(os.sep) else drive, 0)])
    while waiting:
        folder, depth = waiting.popleft()
        if depth == len(parts):
            found.append(folder)
        elif not glob.has_magic(parts[depth]):
            inner = os.path.join(folder, parts[depth])
            if os.path.lexists(inner):
                waiting.append((inner, depth + 1))
        elif _is_new(folder, depth, searched):
            names = [n for n in _names(folder) if parts[depth][0] == '.' or n[0] != '.']
            if parts[depth] == '**':
                waiting.append((folder, depth + 1))  # `**` also matches no folder
                inside = [os.path.join(folder, name) for name in names]
                waiting += [(inner, depth) for inner in inside if os.path.isdir(inner)]
            else:
                names = fnmatch.filter(names, parts[depth])
                waiting += [(os.path.join(folder, name), depth + 1) for name in names]
    return found


def _is_new(folder: str, depth: int, searched: set[tuple[int, int, int]]) -> bool:
    try:
        status = os.stat(folder or os.curdir)
    except (OSError, ValueError):
        return False
    key = (status.st_dev, status.st_ino, depth)
    new = key not in searched
    searched.add(key)
    return new


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder or os.curdir))
    except NotADirectoryError:
        return []
    except OSError as error:
        note_once(f'folder {shown_path(folder)} cannot be listed ({error.strerror}): left out')
        return []
