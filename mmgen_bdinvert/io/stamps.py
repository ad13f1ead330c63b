# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Stamps of files, which tell later whether a file, or a part of one, is still the same."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from typing import Any

from .paths import local_path
from .sources import ImageSource, TarMember

_BLOCK = 2**20
_HEX_DIGITS = 64


@dataclass(frozen=True)
class FileStamp:
    """Size and time of a file, and a digest of its bytes that decides where only the times differ.

    Args:
        size (int): Number of bytes.
        time_ns (int): When it last changed, in nanoseconds; setting the time back is a change too.
        digest (str): SHA-256 in hexadecimal.
    """

    size: int
    time_ns: int
    digest: str

    @classmethod
    def of(cls, path: str | os.PathLike, begin: int = 0, end: int | None = None) -> FileStamp:
        """Stamp a regular file, or its bytes from ``begin`` to ``end``; else an OSError."""
        check_regular(path)
        with open(path, 'rb') as file:
            time_ns = change_time(os.fstat(file.fileno()))
            size, digest = _digest(file, begin, end)
        return cls(size, time_ns, digest)

    @classmethod
    def of_json(cls, value: object) -> FileStamp:
        """Return what :meth:`json` gave; anything else is a ValueError."""
        if isinstance(value, list) and [type(item) for item in value] == [int, int, str]:
            stamp = cls(*value)
            if stamp.size >= 0 and len(stamp.digest) == _HEX_DIGITS:
                return stamp
        raise ValueError('a stamp is a size, a time and a digest')

    def json(self) -> list[int | str]:
        """Return the stamp as a list for JSON."""
        return [*astuple(self)]

    def fits(self, path: str | os.PathLike, begin: int = 0, end: int | None = None) -> bool:
        """Return whether a file, or its bytes from ``begin`` to ``end``, is as it was stamped."""
        found = check_regular(path)
        size = max(0, (found.st_size if end is None else min(end, found.st_size)) - begin)
        if size != self.size:
            return False
        same_time = change_time(found) == self.time_ns
        return same_time or FileStamp.of(path, begin, end).digest == self.digest


def check_regular(path: str | os.PathLike) -> os.stat_result:
    """Return the status of a regular file; else an OSError, as reading a pipe might never end."""
    try:
        found = os.stat(path)
    except ValueError as error:  # such as a lone surrogate
        raise FileNotFoundError(f'{os.fspath(path)!r} cannot be the name of a file') from error
    if not stat.S_ISREG(found.st_mode):
        raise OSError(f'{os.fspath(path)!r} is no regular file')
    return found


def change_time(found: os.stat_result) -> int:
    """Return when a file was last changed, in nanoseconds."""
    return max(found.st_mtime_ns, found.st_ctime_ns)


def source_stamp(source: ImageSource) -> FileStamp | None:
    """Stamp an image file or a member of an archive; None if it cannot be read."""
    try:
        return FileStamp.of(*_place(source))
    except OSError:
        return None


def source_unchanged(source: ImageSource, stamp: FileStamp | None) -> bool:
    """Return whether a source is what :func:`source_stamp` saw; one that is gone counts as such."""
    if stamp is None:
        return source_stamp(source) is None
    try:
        return stamp.fits(*_place(source))
    except FileNotFoundError:
        return True
    except OSError:
        return False


def input_digests(settings: Any) -> dict[str, str]:
    """Return the SHA-256 of each file that settings (nested dicts and lists) name, by its name."""
    digests = {}
    for name in _strings(settings):
        try:
            digests[name] = FileStamp.of(local_path(name)).digest
        except (OSError, ValueError):  # a string that names no file
            continue
    return digests


def _strings(settings: Any) -> Iterator[str]:
    if isinstance(settings, str):
        yield settings
    elif isinstance(settings, (Mapping, list, tuple)):
        for value in settings.values() if isinstance(settings, Mapping) else settings:
            yield from _strings(value)


def _place(source: ImageSource) -> tuple:
    if isinstance(source, TarMember):
        return source.archive, source.offset, source.end
    return (source,)


def _digest(file, begin: int, end: int | None) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    file.seek(begin)
    while block := file.read(_BLOCK if end is None else min(_BLOCK, end - begin - size)):
        digest.update(block)
        size += len(block)
    return size, digest.hexdigest()
