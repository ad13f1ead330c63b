# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Stamps of files: what tells later whether a file, or a part of one, is still the same."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass

from .sources import ImageSource, TarMember

__all__ = ['FileStamp', 'change_time', 'check_regular', 'source_stamp', 'source_unchanged']

_BLOCK = 2**20
_HEX_DIGITS = 64


@dataclass(frozen=True)
class FileStamp:
    """Size and time of a file, and a digest of its bytes for where only the times differ.

    Args:
        size (int): Number of bytes.
        time_ns (int): When the file was last changed, in nanoseconds; setting its time back is a
            change.
        digest (str): SHA-256 in hexadecimal.
    """

    size: int
    time_ns: int
    digest: str

    @classmethod
    def of(cls, path: str | os.PathLike, begin: int = 0, end: int | None = None) -> FileStamp:
        """Stamp a regular file, or its bytes from ``begin`` to ``end``.

        Raises:
            OSError: It cannot be read, or it is a pipe, a device or a folder.
        """
        check_regular(path)
        with open(path, 'rb') as file:
            time_ns = change_time(os.fstat(file.fileno()))
            size, digest = _digest(file, begin, end)
        return cls(size, time_ns, digest)

    @classmethod
    def of_json(cls, value: object) -> FileStamp:
        """Return what :meth:`json` gave.

        Raises:
            ValueError: It is something else.
        """
        if isinstance(value, list) and [type(item) for item in value] == [int, int, str]:
            stamp = cls(*value)
            if stamp.size >= 0 and len(stamp.digest) == _HEX_DIGITS:
                return stamp
        raise ValueError('a stamp is a size, a time and a digest')

    def json(self) -> list[int | str]:
        """Return it as what JSON can hold."""
        return [self.size, self.time_ns, self.digest]

    def fits(self, path: str | os.PathLike, begin: int = 0, end: int | None = None) -> bool:
        """Say whether a file, or its bytes from ``begin`` to ``end``, is as it was stamped.

        Raises:
            OSError: As :meth:`of`.
        """
        found = check_regular(path)
        size = max(0, (found.st_size if end is None else min(end, found.st_size)) - begin)
        if size != self.size:
            return False
        same_time = change_time(found) == self.time_ns
        return same_time or FileStamp.of(path, begin, end).digest == self.digest


def check_regular(path: str | os.PathLike) -> os.stat_result:
    """Return the status of a regular file; reading a pipe might never end.

    Raises:
        OSError: There is none, as its name cannot be one either, or it is a pipe, a device or a
            folder.
    """
    try:
        found = os.stat(path)
    except ValueError as error:  # such as half a character
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
    """Say whether a source is what :func:`source_stamp` saw; one that is gone counts as such."""
    if stamp is None:
        return source_stamp(source) is None
    try:
        return stamp.fits(*_place(source))
    except FileNotFoundError:
        return True
    except OSError:
        return False


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
