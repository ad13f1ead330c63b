# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Output whose reader may leave before the end: ``tool | head``."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO


class _MayBeLeft:
    """A text stream that discards its text once nobody reads it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, as the stream does."""
        self._do(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush, as the stream does."""
        self._do(self._stream.flush)

    def _do(self, action: Callable[[], object]) -> None:
        try:
            action()
        except BrokenPipeError:
            _into_nothing(self._stream)


@contextlib.contextmanager
def output_may_be_left() -> Iterator[None]:
    """Let the readers of stdout and stderr leave; the work goes on with the same exit code.

    A log that cannot be written, as on a full disk, prints no traceback for each of its lines.
    """
    kept = sys.stdout, sys.stderr, logging.raiseExceptions
    sys.stdout, sys.stderr = (s and _MayBeLeft(s) for s in kept[:2])
    logging.raiseExceptions = False
    try:
        yield
    finally:
        sys.stdout, sys.stderr, logging.raiseExceptions = kept


def flush_output() -> None:
    """Flush all output; what cannot be written is not tried again at the exit.

    Raises:
        OSError: It cannot be written, such as to a file on a full disk.
    """
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError as error:
            _into_nothing(stream)
            raise OSError(f'the output cannot be written ({error.strerror})') from error


def _into_nothing(stream: TextIO) -> None:
    with contextlib.suppress(OSError, ValueError):  # a stream without a file descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
