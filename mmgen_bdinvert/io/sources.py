# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Where images come from: files, folders, patterns, lists of paths, and tar shards."""

from __future__ import annotations

import csv
import glob
import json
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union

from .images import ImageReadError
from .listing import IMAGE_SUFFIXES, by_place, find_images, natural_key
from .outputs import shown_path

__all__ = ['ImageSource', 'TarMember', 'find_sources', 'source_from_json', 'source_to_json']

LIST_SUFFIXES = ('.txt', '.csv', '.jsonl')
_COLUMN = 'path'
_MAX_LINE = 1_000_000
_MAX_BYTES = 2**30


@dataclass(frozen=True)
class TarMember:
    """An image inside an uncompressed tar archive, read without unpacking it.

    Args:
        archive (str): The archive.
        member (str): Name of the image in it.
        offset (int): Where its bytes begin.
        size (int): How many there are.
    """

    archive: str
    member: str
    offset: int
    size: int

    def __fspath__(self) -> str:
        """Return a path to show and to name results by; there is no such file."""
        return f'{self.archive}/{self.member}'

    def read(self) -> bytes:
        """Return the bytes of the image.

        Raises:
            ImageReadError: The archive is gone, or shorter than it says; or the image is too large.
        """
        if self.size > _MAX_BYTES:
            raise ImageReadError(
                f'{shown_path(self)} is too large: an image in an archive has at most '
                f'{_MAX_BYTES} bytes, but got {self.size}'
            )
        try:
            with open(self.archive, 'rb') as file:
                if self.offset + self.size > os.fstat(file.fileno()).st_size:
                    raise ImageReadError(
                        f'{shown_path(self)} is cut off: the archive ends before the image does'
                    )
                file.seek(self.offset)
                return file.read(self.size)
        except OSError as error:
            raise ImageReadError(
                f'{shown_path(self)} cannot be read ({error.strerror}); check the archive'
            ) from error


ImageSource = Union[Path, TarMember]


def find_sources(inputs: str | os.PathLike | Iterable[str | os.PathLike]) -> list[ImageSource]:
    """List the images that inputs stand for.

    * A folder is searched as :func:`find_images` does.
    * A pattern such as ``'photos/**/*.jpg'`` stands for its matches, in natural order.
    * ``.txt`` is a list of paths, one a line; ``.csv`` has a column ``path``; ``.jsonl`` has an
      object with ``path`` in every line. Paths are relative to the list's folder. One that is wrong
      fails alone, when it is read.
    * ``.tar`` is searched for members with an image's suffix, as in WebDataset's shards; it must
      not be compressed, and nothing is unpacked.
    * Anything else is an image file.

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
        found.update((key, s) for key, s in by_place(_sources_of(item)).items() if key not in found)
    if not found:
        raise ValueError('at least one image file or folder must be given, but got none')
    return list(found.values())


def source_to_json(source: ImageSource) -> Any:
    """Return a source as what JSON can hold; see :func:`source_from_json`."""
    if isinstance(source, TarMember):
        return [source.archive, source.member, source.offset, source.size]
    return str(source)


def source_from_json(value: Any) -> ImageSource:
    """Return what :func:`source_to_json` was given."""
    return TarMember(*value) if isinstance(value, list) else Path(value)


def _sources_of(item: str) -> Sequence[ImageSource]:
    if not os.path.lexists(item) and glob.has_magic(item):
        matches = [Path(path) for path in glob.glob(item, recursive=True)]
        matches = [p for p in matches if p.suffix.lower() in IMAGE_SUFFIXES and not p.is_dir()]
        if not matches:
            raise FileNotFoundError(f'no image matches {shown_path(item)}; check the pattern')
        return sorted(matches, key=natural_key)
    suffix = os.path.splitext(item)[1].lower()
    if os.path.isdir(item) or not os.path.isfile(item):
        return find_images(item)
    if suffix == '.tar':
        return _in_tar(item)
    if suffix in LIST_SUFFIXES:
        return _in_list(item, suffix)
    return [Path(item)]


def _in_list(item: str, suffix: str) -> Sequence[ImageSource]:
    reader: Callable = {'.txt': _plain_lines, '.csv': _csv_column, '.jsonl': _json_lines}[suffix]
    folder = os.path.dirname(item)
    try:
        # File names may hold bytes that are no text.
        with open(item, encoding='utf-8-sig', errors='surrogateescape', newline='') as file:
            paths = [Path(folder, path) for path in reader(item, file) if path]
    except OSError as error:
        raise ValueError(
            f'the list {shown_path(item)} cannot be read ({error.strerror})'
        ) from error
    except csv.Error as error:
        raise ValueError(f'the list {shown_path(item)} is no CSV file ({error})') from error
    if not paths:
        raise ValueError(f'the list {shown_path(item)} names no image; check its contents')
    return paths


def _lines(item: str, file) -> Iterator[str]:
    while line := file.readline(_MAX_LINE):
        if len(line) == _MAX_LINE or '\0' in line:
            raise ValueError(f'the list {shown_path(item)} is no text with a path in each line')
        yield line


def _plain_lines(item: str, file) -> Iterator[str]:
    return (line.rstrip('\r\n') for line in _lines(item, file))


def _csv_column(item: str, file) -> Iterator[str]:
    rows = csv.DictReader(_lines(item, file))
    if _COLUMN not in (rows.fieldnames or ()):
        raise ValueError(
            f'a CSV list has a column {_COLUMN!r}, but {shown_path(item)} has '
            f'{", ".join(map(repr, rows.fieldnames or ())) or "none"}'
        )
    return (row[_COLUMN] or '' for row in rows)


def _json_lines(item: str, file) -> Iterator[str]:
    for number, line in enumerate(_lines(item, file), 1):
        if not line.strip():
            continue
        try:
            path = json.loads(line)[_COLUMN]
        except (ValueError, KeyError, TypeError, IndexError, RecursionError):
            path = None
        if not isinstance(path, str) or '\0' in path:
            raise ValueError(
                f'every line of a JSONL list is an object with a {_COLUMN!r}, but line {number} of '
                f'{shown_path(item)} is not'
            )
        yield path


def _in_tar(item: str) -> Sequence[ImageSource]:
    members = []
    try:
        size = os.stat(item).st_size
        with tarfile.open(item, 'r:') as archive:
            while (info := archive.next()) is not None:
                vars(archive)['members'].clear()  # else it keeps every header
                if info.isreg() and os.path.splitext(info.name)[1].lower() in IMAGE_SUFFIXES:
                    members.append(TarMember(item, info.name, info.offset_data, info.size))
            whole = _ends_at(archive.fileobj, archive.offset)
    except (tarfile.TarError, OSError, ValueError, OverflowError) as error:
        if not members:
            reason = ' '.join(str(error).split())
            raise ValueError(
                f'{shown_path(item)} cannot be read as an uncompressed tar archive ({reason})'
            ) from error
        whole = False
    if not whole:  # what it has is taken, and the rest fails when it is read
        members.append(TarMember(item, 'rest_of_the_archive', size, 1))
    if not members:
        raise ValueError(f'the archive {shown_path(item)} holds no image file')
    return members


def _ends_at(file, offset: int) -> bool:
    file.seek(offset)
    return not file.read(tarfile.BLOCKSIZE).strip(b'\0')
