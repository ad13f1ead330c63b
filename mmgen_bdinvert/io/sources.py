# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Where images come from: files, folders, patterns, lists of paths, and tar shards."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Mapping
from dataclasses import astuple
from functools import lru_cache
from pathlib import Path
from typing import Any, Union

from .archives import TarMember, images_in_tar
from .listing import IMAGE_SUFFIXES, by_place, find_images, is_of_macos, natural_key, real_path
from .lists import LIST_SUFFIXES, images_in_list
from .outputs import shown_path
from .patterns import matching_paths

__all__ = [
    'ImageSource',
    'TarMember',
    'find_sources',
    'source_at',
    'source_from_json',
    'source_to_json',
]

ImageSource = Union[Path, TarMember]


def find_sources(inputs: str | os.PathLike | Iterable[str | os.PathLike]) -> list[ImageSource]:
    """List the images that inputs stand for.

    * A folder is searched as :func:`find_images` does.
    * A pattern such as ``'photos/**/*.jpg'`` stands for its matches, in natural order.
    * ``.txt`` and ``.list`` are lists of paths, one a line; ``.csv`` has a column ``path``;
      ``.jsonl`` has an object with ``path`` in every line. Paths are relative to the list's folder,
      or to the working folder if that has all of them and the list's folder none. One that is wrong
      fails alone, when it is read.
    * ``.tar`` is searched for members with an image's suffix, as in WebDataset's shards; it must
      not be compressed, and nothing is unpacked.
    * Anything else is an image file.

    The files ``._*`` and ``__MACOSX/*`` that macOS puts beside images are left out, unless one is
    an input by itself.

    Args:
        inputs (str | os.PathLike | Iterable): The above.

    Returns:
        list[Path | TarMember]: At least one, none twice.

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
    """Return a source as what JSON can hold; see :func:`source_from_json`."""
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
        # The names in it may lead out of it, and still are nothing but names.
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
