# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Memory that one step of a loop frees and the next one takes.

Cause: glibc gives every block above 32 MiB back to the system when it is freed, and the system
fills a new one with zeros, page by page, when it is first written. A feature map of StyleGAN is
such a block, and writing it then takes several times as long as computing it.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import threading
from collections.abc import Iterator

__all__ = ['keep_memory', 'kept_memory']

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # numbers of <malloc.h>
_LARGE = 32 << 20  # where glibc's own threshold ends up after one large block
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
                libc.mallopt(_MMAP_THRESHOLD, _LARGE)
                libc.mallopt(_TRIM_THRESHOLD, 2 * _LARGE)
                libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    try:
        libc = ctypes.CDLL(None)
        libc.gnu_get_libc_version  # noqa: B018  (raises elsewhere)
    except (AttributeError, OSError, TypeError):
        return None
    return libc
