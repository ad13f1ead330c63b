# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Downloads that go on where they broke off, end at the announced size, and are checked."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from filelock import FileLock

from bdinvert_cli.sentences import reason_of

from .errors import DownloadError
from .outputs import ensure_writable_folder, sync_folder, write_error

__all__ = ['download', 'file_digest']

_BLOCK = 2**20
_TIMEOUT = 30  # seconds without a byte
_ATTEMPTS = 10
_AGENT = 'mmgen_bdinvert'  # some servers refuse urllib's own name

Report = Callable[[int, int], object]


def download(
    url: str,
    path: str | os.PathLike,
    *,
    size: int | None = None,
    sha256: str = '',
    on_bytes: Report | None = None,
) -> None:
    """Download a file, unless it is there; it appears under its name once it is complete.

    A broken connection is taken up again as long as bytes arrive. What has arrived is kept in a
    hidden file beside ``path``, and the next call goes on from there, if a ``sha256`` can tell
    afterwards that the parts belong together.

    Args:
        url (str): Address, of http or https.
        path (str | os.PathLike): Where the file goes; its folder is made.
        size (int | None): Number of bytes. Defaults to None: as many as the server announces.
        sha256 (str): First digits of the SHA-256, or all. Defaults to '': not checked.
        on_bytes (Callable | None): Called as ``on_bytes(done, total)``. Defaults to None.

    Raises:
        DownloadError: It cannot be reached, or another file is sent; the message is one sentence.
        OutputError: It cannot be written.
    """
    path = Path(path)
    ensure_writable_folder(path.parent)
    part = path.with_name(f'.mmgen_bdinvert-{path.name}.part')
    with FileLock(f'{part}.lock'):  # several processes may want the same file
        if os.path.lexists(path):
            return
        if not sha256:
            part.unlink(missing_ok=True)
        try:
            _receive_all(url, part, size, on_bytes or (lambda done, total: None))
        except _WriteFailed as error:
            raise write_error(path, error.reason) from error
        except (_Refused, HTTPException, OSError) as error:
            raise DownloadError(
                f'{path.name} could not be downloaded from {url} ({_reason(error)})'
            ) from error
        found = file_digest(part)
        if not found.startswith(sha256.lower()):
            part.unlink()
            raise DownloadError(
                f'{url} sends another file than {path.name}: its SHA-256 is {found}, and should '
                f'be {sha256}{"…" if len(sha256) < 64 else ""}'
            )
        os.replace(part, path)
        sync_folder(path.parent)


def file_digest(*paths: str | os.PathLike) -> str:
    """Return the SHA-256 of a file, or of several one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, 'rb') as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()


class _Refused(Exception):
    """The server sends something that cannot be the file."""


class _WriteFailed(Exception):
    """The part cannot be written."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(str(reason))
        self.reason = reason


def _receive_all(url: str, part: Path, size: int | None, report: Report) -> None:
    anew = False
    for left in reversed(range(_ATTEMPTS)):
        had = _length(part)
        try:
            _receive(url, part, size, report)
            return
        except (HTTPException, OSError) as error:
            if isinstance(error, HTTPError):
                if error.code != 416 or anew or not left:
                    raise
                part.unlink()  # the file has no such part
                anew = True
            elif _length(part) <= had or not left:
                raise


def _receive(url: str, part: Path, size: int | None, report: Report) -> None:
    """Append to the part what is missing, or write it anew."""
    have = _length(part)
    if size is not None and have == size:
        return
    if size is not None and have > size:
        have = 0
    headers = {'User-Agent': _AGENT, **({'Range': f'bytes={have}-'} if have else {})}
    with urlopen(Request(url, headers=headers), timeout=_TIMEOUT) as answer:
        start, total = _extent(answer)
        if start not in (0, have):
            part.unlink()
            raise _Refused(f'the server sends bytes from {start:,} on instead of {have:,}')
        have = start
        if size is not None and total not in (None, size):
            raise _Refused(f'the server announces {total:,} bytes instead of {size:,}')
        limit = total if size is None else size
        if limit is None:
            raise _Refused('the server does not say how large it is')
        if not have:
            _append(part, b'', 0)
        while block := answer.read(min(_BLOCK, limit - have + 1)):
            if have + len(block) > limit:
                part.unlink(missing_ok=True)
                raise _Refused(f'the server sends more than {limit:,} bytes')
            _append(part, block, have)
            have += len(block)
            report(have, limit)
    if have < limit:
        raise ConnectionError(f'the connection broke off after {have:,} of {limit:,} bytes')


def _extent(answer) -> tuple[int, int | None]:
    """Return where the body of an answer starts in the file, and the file's size if it says so."""
    if answer.status == 206:
        found = re.match(r'bytes (\d+)-\d+/(\d+|\*)', answer.headers.get('Content-Range', ''))
        if not found:
            raise _Refused('the server sends a part of it, and does not say which')
        return int(found[1]), None if found[2] == '*' else int(found[2])
    length = answer.headers.get('Content-Length', '')
    return 0, int(length) if length.isdecimal() else None


def _append(part: Path, block: bytes, have: int) -> None:
    try:
        with open(part, 'ab' if have else 'wb') as file:
            file.write(block)
    except OSError as error:
        raise _WriteFailed(error) from error


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _reason(error: Exception) -> str:
    inner = getattr(error, 'reason', None)
    if isinstance(error, HTTPError) or inner is None:
        return reason_of(error)
    return reason_of(inner) if isinstance(inner, Exception) else str(inner)
