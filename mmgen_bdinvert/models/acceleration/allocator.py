# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Keeps freed memory: doubling a 1024×1024 map takes 17 ms, not 118; without it, only time is lost.

Memory that one step of a loop frees and the next one takes is kept for it, or given back at once.

Cause: glibc gives every block above 32 MiB back to the system when it is freed, and the system
fills a new one with zeros, page by page, when it is first written. A feature map of StyleGAN is
such a block, and writing it then takes several times as long as computing it. What is kept instead
falls to pieces that fit no map, so a process comes to hold up to a third more than it uses.
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
_ALL, _NONE, _NEVER = 65536, 0, -1  # blocks that may be mapped; when the heap is given back
_lock, _users = threading.Lock(), 0
_forever = contextlib.ExitStack()
atexit.register(_forever.close)  # before the interpreter takes the lock's module apart


@functools.cache
def keep_memory() -> None:
    """Keep freed memory from now on, for a process whose job is one long loop."""
    _forever.enter_context(kept_memory())


@contextlib.contextmanager
def kept_memory() -> Iterator[None]:
    """Keep freed memory in the process inside the ``with`` block; give it back afterwards.

    It concerns the memory of the CPU, and nothing but glibc: elsewhere it does nothing. Blocks may
    be nested and entered by several threads.
    """
    global _users
    libc = _glibc()
    if libc is None:
        yield
        return
    with _lock:
        _users += 1
        libc.mallopt(_MMAP_MAX, _NONE)
        libc.mallopt(_TRIM_THRESHOLD, _NEVER)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                libc.mallopt(_MMAP_MAX, _ALL)
                _give_back(libc, _LARGE)


@contextlib.contextmanager
def returned_memory() -> Iterator[None]:
    """Give freed memory back to the system at once inside the ``with`` block, small blocks aside.

    The opposite of :func:`kept_memory`, and without effect while that is at work: slower, but a
    process holds no more than it uses.
    """
    libc = _glibc()
    with _lock:
        _give_back(libc, _SMALL)
    try:
        yield
    finally:
        with _lock:
            _give_back(libc, _LARGE)


def _give_back(libc: ctypes.CDLL | None, threshold: int) -> None:
    """Give free memory back now, and from now on that of blocks above a threshold in bytes."""
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
