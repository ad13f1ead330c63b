# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Writing results: names that do not clash, and files that are complete or not there."""

from __future__ import annotations

import contextlib
import contextvars
import errno
import hashlib
import itertools
import os
import re
import shutil
import unicodedata
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from bdinvert_cli.sentences import reason_of

from .errors import OutputError, StorageError

_MAX_NAME_BYTES = 120
# The names of temporary files and folders, which no file of a user has.
_TEMPORARY = re.compile(r'\.mmgen_bdinvert-[0-9a-f]{32}\.tmp(\..*)?')
_DEVICE_NAMES = re.compile(r'(con|prn|aux|nul|com\d|lpt\d)(\..*)?', re.IGNORECASE)
# EFBIG is from `ulimit -f`: other results are about as large.
_STORAGE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG)
_unflushed: contextvars.ContextVar[set[Path] | None] = contextvars.ContextVar(
    'unflushed folders', default=None
)


def atomic_write(path: str | os.PathLike, writer: Callable[[Path], object]) -> None:
    """Write a file so that it is either complete or what it was before.

    ``writer`` fills a hidden temporary file in the same folder, which then replaces ``path`` in one
    step. After any error or interruption, nothing is left behind.

    Args:
        path (str | os.PathLike): File to make or replace; its folder must exist.
        writer (Callable): Called with the temporary path, an empty file with the same suffix, for
            example ``lambda temporary: temporary.write_text(text)``.

    Raises:
        OutputError: The file cannot be written. Other errors of ``writer`` pass through.
    """
    target = Path(os.path.realpath(path))  # a link keeps pointing to the file that is replaced
    temporary = target.with_name(temporary_name(target.suffix))
    try:
        with writing(path):
            # Not `tempfile`: its files are private (0600) whatever the user's umask says.
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            writer(temporary)
            _sync(temporary)
            os.replace(temporary, target)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
    sync_folder(target.parent)


def write_bytes(path: str | os.PathLike, data: bytes) -> None:
    """Write bytes to a file by :func:`atomic_write`."""
    atomic_write(path, lambda temporary: temporary.write_bytes(data))


def temporary_name(suffix: str = '') -> str:
    """Return a new name for a hidden file or folder that :func:`remove_leftovers` recognises."""
    return f'.mmgen_bdinvert-{uuid.uuid4().hex}.tmp{suffix}'


def remove_leftovers(folder: str | os.PathLike) -> None:
    """Remove what a killed process left in a folder: everything with a :func:`temporary_name`."""
    for path in Path(folder).glob('.mmgen_bdinvert-*'):
        if not _TEMPORARY.fullmatch(path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink()


def write_error(path: str | os.PathLike, error: OSError) -> OutputError:
    """Return the error of a file that cannot be written; a StorageError if the disk is to blame."""
    return _error_kind(error)(
        f'cannot write {shown_path(path)} ({reason_of(error)}); '
        'check the folder, its permissions and the free space'
    )


@contextlib.contextmanager
def writing(path: str | os.PathLike) -> Iterator[None]:
    """Raise the :func:`write_error` of a file for any OSError inside the ``with`` block."""
    try:
        yield
    except OSError as error:
        raise write_error(path, error) from error


def remove_files(paths: Iterable[Path]) -> None:
    """Remove files where they are; an OutputError if that fails."""
    for path in paths:
        with writing(path):
            path.unlink(missing_ok=True)


def sync_folder(path: str | os.PathLike) -> None:
    """Flush the names in a folder to the disk, where the system can."""
    waiting = _unflushed.get()
    if waiting is not None:
        waiting.add(Path(path))
        return
    with contextlib.suppress(OSError):  # not every system lets a folder be opened
        _sync(Path(path))


@contextlib.contextmanager
def flushed_once() -> Iterator[None]:
    """Flush the folders of all files that this thread writes in the ``with`` block at its end.

    Their contents are flushed as usual, before they get their names.
    """
    token = _unflushed.set(set())
    try:
        yield
    finally:
        waiting = _unflushed.get()
        _unflushed.reset(token)
        for folder in waiting:
            sync_folder(folder)


def ensure_writable_folder(path: str | os.PathLike) -> Path:
    """Make a folder, parents included, and check that files can be written in it.

    Args:
        path (str | os.PathLike): Folder.

    Returns:
        Path: The same folder.

    Raises:
        OutputError: It cannot be made or written to, or a file is in the way.
    """
    folder = Path(path)
    if not os.fspath(path):
        raise ValueError("An output folder has a name, but got ''.")
    probe = folder / temporary_name()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except FileExistsError as error:
        raise OutputError(
            f'output folder {shown_path(path)} is a file; choose another folder or remove the file'
        ) from error
    except OSError as error:
        raise _error_kind(error)(
            f'output folder {shown_path(path)} cannot be written to ({reason_of(error)}); '
            'choose another folder or change its permissions'
        ) from error
    return folder


def output_names(
    paths: Iterable[str | os.PathLike],
    *,
    reserved: Sequence[str] = ('summary.csv', 'contact_sheet.png'),
) -> list[str]:
    """Give each image a folder name for its results, so that none overwrites another.

    A name is the file name without its suffix. Where several images share it, each of them gets
    the name of its folder in front (``a_x``, ``b_x``), then its suffix behind (``a_x_png``,
    ``a_x_jpg``), then more folders. So names follow from the set of paths, not from its order,
    and adding images never gives the name of one image to another. Names that differ only in case
    count as equal. Characters that some file system refuses become ``_``, and long names are cut
    and hashed.

    Args:
        paths (Iterable[str | os.PathLike]): Image files; they need not exist.
        reserved (Sequence[str]): Names that are taken. Defaults to the files of a run.

    Returns:
        list[str]: One unique name for each path, in the same order.
    """
    absolute = [os.path.abspath(path) for path in paths]
    choices = {path: _name_choices(path) for path in absolute}
    chosen = {path: next(names) for path, names in choices.items()}
    keys = {path: _fold(name) for path, name in chosen.items()}
    taken = {_fold(name) for name in reserved}
    clashing = True
    while clashing:
        # No image keeps a shared name: with other images, another one would get it.
        taken.update(key for key, count in Counter(keys.values()).items() if count > 1)
        clashing = False
        for path in [path for path, key in keys.items() if key in taken]:
            name = next(choices[path], None)
            if name is not None:
                clashing, chosen[path], keys[path] = True, name, _fold(name)
    used = taken.union(keys.values())
    seen: set[str] = set()
    names = []
    for path in absolute:
        name = chosen[path]
        if path in seen:  # a repeated path gets the next free number
            numbered = (f'{name}_{number}' for number in itertools.count(2))
            name = next(n for n in numbered if _fold(n) not in used)
            used.add(_fold(name))
        seen.add(path)
        names.append(name)
    return names


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _error_kind(error: OSError) -> type[OutputError]:
    return StorageError if error.errno in _STORAGE_ERRORS else OutputError


def shown_path(path: str | os.PathLike) -> str:
    """Quote a path so that no name breaks the line or the encoding of a message."""
    return repr(os.fspath(path))


def _name_choices(absolute: str) -> Iterator[str]:
    path = Path(absolute)
    stem, suffix = path.stem, path.suffix[1:]
    folders = path.parts[1:-1]
    yield _safe_name(stem)
    for depth in range(1, len(folders) + 1):
        qualified = '_'.join((*folders[-depth:], stem))
        yield _safe_name(qualified)
        if suffix:
            yield _safe_name(f'{qualified}_{suffix}')
    yield _safe_name(f'{stem}-{_digest(absolute)}')


def _safe_name(name: str) -> str:
    name = unicodedata.normalize('NFC', name)
    name = ''.join(c if c.isprintable() and c not in '<>:"/\\|?*' else '_' for c in name)
    name = name.lstrip('.- ').rstrip('. ') or 'image'
    if _DEVICE_NAMES.fullmatch(name):
        name = f'_{name}'
    data = name.encode('utf-8')
    if len(data) > _MAX_NAME_BYTES:
        name = f'{data[:_MAX_NAME_BYTES].decode("utf-8", "ignore")}-{_digest(name)}'
    return name


def _fold(name: str) -> str:
    return unicodedata.normalize('NFC', name.casefold())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]
