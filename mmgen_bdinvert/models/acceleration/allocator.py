# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Keeps freed memory: doubling a 1024×1024 map takes 17 ms, not 118; without it, only time is lost.

glibc returns every freed block above 32 MiB to the system, which clears a new one page by page when
it is first written: for a feature map that takes several times as long as computing it. The price:
kept memory fragments, so a process comes to hold up to a third more than it uses.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import threading
from collections.abc import Iterator

from .switch import enabled

__all__ = ['keep_memory', 'kept_memory', 'returned_memory']

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # numbers of <malloc.h>
_LARGE = 32 << 20  # where glibc's own threshold ends up after one large block
_SMALL = 1 << 20  # less than a feature map
_lock, _users = threading.Lock(), 0
_forever = contextlib.ExitStack()
atexit.register(_forever.close)  # before the interpreter takes the lock's module apart


@functools.cache
def keep_memory() -> None:
    """Keep freed memory from now on, for a process whose job is one long loop."""
    _forever.enter_context(kept_memory())


@contextlib.contextmanager
def kept_memory() -> Iterator[None]:
    """Keep freed CPU memory inside the ``with`` block, with glibc only; return it afterwards.

    Blocks may be nested and entered by several threads.
    """
    global _users
    libc = _glibc()
    if libc is None:
        yield
        return
    with _lock:
        _users += 1
        libc.mallopt(_MMAP_MAX, 0)
        libc.mallopt(_TRIM_THRESHOLD, -1)  # never
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                libc.mallopt(_MMAP_MAX, 65536)  # glibc's default
                _return_freed(libc, _LARGE)


@contextlib.contextmanager
def returned_memory() -> Iterator[None]:
    """Return freed memory to the system at once inside the ``with`` block, small blocks aside.

    Slower, but a process holds no more than it uses. No effect while :func:`kept_memory` is active.
    """
    libc = _glibc()
    with _lock:
        _return_freed(libc, _SMALL)
    try:
        yield
    finally:
        with _lock:
            _return_freed(libc, _LARGE)


def _return_freed(libc: ctypes.CDLL | None, threshold: int) -> None:
    """Return what is free now, and from now on freed blocks above a threshold in bytes."""
    if libc is not None and not _users:
        libc.mallopt(_MMAP_THRESHOLD, threshold)
        libc.mallopt(_TRIM_THRESHOLD, 2 * threshold)
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if not enabled():
        return None
    try:
        libc = ctypes.CDLL(None)
        libc.gnu_get_libc_version  # noqa: B018  (raises elsewhere)
    except (AttributeError, OSError, TypeError):
        return None
    return libc
