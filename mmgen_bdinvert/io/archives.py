# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Images in tar archives, read without unpacking them."""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, cast

from bdinvert_cli.sentences import reason_of

from .errors import ImageReadError, note_once
from .listing import IMAGE_SUFFIXES, counted, is_of_macos
from .outputs import shown_path

# What tarfile raises on damaged headers; RecursionError if very many extend one another.
_DAMAGED = (tarfile.TarError, OSError, ValueError, OverflowError, RecursionError)


class _MemberFile(tarfile.ExFileObject):
    def fileno(self) -> int:
        # What file objects raise that have none; tarfile's would return the archive's.
        raise io.UnsupportedOperation('a member of an archive has no file descriptor')


class _Archive(tarfile.TarFile):
    fileobject = _MemberFile


@dataclass(frozen=True)
class TarMember:
    """An image inside an uncompressed tar archive, read without unpacking it.

    Args:
        archive (str): The archive.
        member (str): Name of the image in it.
        offset (int): Where its header begins; of a link, that of its target.
        size (int): Number of bytes when unpacked.
        end (int): Where its bytes end in the archive.
    """

    archive: str
    member: str
    offset: int
    size: int
    end: int

    def __fspath__(self) -> str:
        """Return a path to show and to name results by; there is no such file."""
        return f'{self.archive}/{self.member}'

    @contextlib.contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the image as a file to read; the holes of a sparse member read as zeros.

        Raises:
            ImageReadError: The archive is gone, has changed, or is shorter than it says.
        """
        with contextlib.ExitStack() as stack:
            try:
                file = stack.enter_context(open(self.archive, 'rb'))
                file.seek(self.offset)
                archive = stack.enter_context(_Archive(fileobj=file))
                info = archive.next()
                stream = archive.extractfile(info) if info is not None and info.isreg() else None
                end = os.fstat(file.fileno()).st_size
            except OSError as error:
                raise ImageReadError(
                    f'{shown_path(self)} cannot be read ({error.strerror}); check the archive'
                ) from error
            except _DAMAGED:
                stream = None
            if stream is None or end < info.offset_data + _stored(info):
                raise ImageReadError(
                    f'{shown_path(self)} is cut off: the archive ends before the image does'
                )
            if info.size != self.size:
                raise ImageReadError(
                    f'{shown_path(self)} has changed since the archive was listed; start again'
                )
            yield cast(BinaryIO, stack.enter_context(stream))


def images_in_tar(path: str) -> dict[str, TarMember]:
    """List the images of an archive, hard links too, by their names when it is unpacked.

    Which others are left out is noted in the log: symbolic links, devices, images that a later one
    of the same name replaces, and macOS's notes about files.
    """
    found: dict[str, TarMember] = {}
    left_out: dict[str, list[str]] = {}
    size = os.stat(path).st_size
    try:
        with tarfile.open(path, 'r:') as archive:
            while (info := archive.next()) is not None:
                vars(archive)['members'].clear()  # tarfile would keep every header
                if archive.offset <= info.offset:
                    raise tarfile.ReadError('a member has a negative size')
                reason = _take(path, info, found)
                if reason:
                    left_out.setdefault(reason, []).append(info.name)
            whole = _ends_at(archive.fileobj, archive.offset)
    except _DAMAGED as error:
        if not found:
            raise ValueError(
                f'{shown_path(path)} cannot be read as an uncompressed tar archive '
                f'({reason_of(error)})'
            ) from error
        whole = False
    for reason, names in left_out.items():
        note_once(f'archive {shown_path(path)}: left out {counted(names)}: {reason}')
    if not whole:  # what is there is read, and the rest fails alone
        found['rest_of_the_archive'] = TarMember(path, 'rest_of_the_archive', size, 1, size)
    if not found:
        raise ValueError(f'the archive {shown_path(path)} holds no image file')
    return found


def _take(path: str, info: tarfile.TarInfo, found: dict[str, TarMember]) -> str:
    """Add a member if it is an image; return why an image is left out, else ''."""
    name = _unpacked(info.name)
    if os.path.splitext(name)[1].lower() not in IMAGE_SUFFIXES or info.isdir():
        return ''
    if is_of_macos(name):
        return 'macOS keeps notes about files there'
    if info.isreg():
        end = info.offset_data + _stored(info)
        member = TarMember(path, info.name, info.offset, info.size, end)
    elif info.islnk() and _unpacked(info.linkname) in found:
        target = found[_unpacked(info.linkname)]
        member = replace(target, member=info.name)
    elif info.islnk() or info.issym():
        return 'symbolic links, and hard links to what is no earlier image, are not followed'
    else:
        return 'devices and pipes are no images'
    replaced = name in found
    found[name] = member
    return 'later ones of the same name replace them, as in unpacking' if replaced else ''


def _unpacked(name: str) -> str:
    return os.path.normpath(name.lstrip('/'))


def _stored(info: tarfile.TarInfo) -> int:
    """Return how many bytes of a member the archive holds."""
    sparse: Any = info.sparse  # pairs of offset and size
    return info.size if sparse is None else sum(size for _, size in sparse)


def _ends_at(file, offset: int) -> bool:
    file.seek(offset)
    return not file.read(tarfile.BLOCKSIZE).strip(b'\0')
