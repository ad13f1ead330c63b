# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Ctrl-C and SIGTERM that wait until the current step and the files of a batch are finished."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator

__all__ = ['Interrupted', 'deferred_signals']


class Interrupted(KeyboardInterrupt):
    """A signal ended the job.

    Args:
        signum (int): The signal.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.exit_code = 128 + signum  # as in a shell: 130 after Ctrl-C, 143 after SIGTERM


@contextlib.contextmanager
def deferred_signals() -> Iterator[Callable[[], None]]:
    """Defer SIGINT and SIGTERM until the yielded function is called, in the main thread only.

    A second signal of the same kind is raised at once. A signal that is ignored, like Ctrl-C in a
    background job of a shell, stays ignored.

    Yields:
        Callable: Raises :class:`Interrupted` if a signal came.
    """
    received: list[int] = []

    def note(signum, frame):
        if signum in received:
            raise Interrupted(signum)
        received.append(signum)

    def check() -> None:
        if received:
            raise Interrupted(received[0])

    kept = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}
    kept = {s: handler for s, handler in kept.items() if handler is not signal.SIG_IGN}
    try:
        for signum in kept:
            signal.signal(signum, note)
        yield check
    finally:
        for signum, handler in kept.items():
            signal.signal(signum, handler)
