# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Running a tool: its exit code, and one sentence for a user's error."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn, TextIO

from .sentences import is_users, one_sentence
from .streams import flush_output, output_may_be_left
from .text import printable

DEBUG_VARIABLE = 'MMGEN_BDINVERT_DEBUG'
INTERRUPTED = 130
_IMPORTING = '<frozen importlib._bootstrap>'
_undoing: list[Callable[[], object]] | None = None  # while a tool runs


def leave_at_once() -> None:
    """Make Ctrl-C end the process with exit code 130 and one line while anything is imported.

    A KeyboardInterrupt inside an import may be printed, taken for another error or lost. At other
    times it is raised as usual, so that a working tool cleans up.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not if it is ignored
        with contextlib.suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGINT, _interrupt)


def _interrupt(signum, frame) -> None:
    place = frame
    while place is not None:
        if place.f_code.co_filename == _IMPORTING:
            os.write(2, b'error: interrupted\n')
            os._exit(128 + signum)
        place = place.f_back
    signal.default_int_handler(signum, frame)


def run_tool(
    main: Callable[[Sequence[str] | None], int | None], argv: Sequence[str] | None = None
) -> NoReturn:
    """Run a tool and exit; a user's error is ``error: …`` on stderr instead of a traceback.

    If the reader of the output leaves (``tool | head``), the work and the exit code stay the same.
    The environment variable ``MMGEN_BDINVERT_DEBUG=1`` brings the traceback back.

    Args:
        main (Callable): The tool. It takes the arguments, or None for those of the command line,
            and returns an exit code, or None for 0.
        argv (Sequence[str] | None): Passed on to ``main``. Defaults to None.

    Raises:
        SystemExit: Always: with what ``main`` returns, 2 after an error, 130 after Ctrl-C.
    """
    global _undoing
    leave_at_once()
    code, _undoing = 2, []  # the code of what is raised
    with output_may_be_left():
        try:
            code = main(argv) or 0
            flush_output()
        except KeyboardInterrupt:
            print('error: interrupted', file=sys.stderr)
            code = INTERRUPTED
        except Exception as error:
            if not is_users(error) or os.environ.get(DEBUG_VARIABLE, '0') not in ('', '0'):
                raise
            print(f'error: {one_sentence(error)}', file=sys.stderr)
            code = 2
        finally:  # after SystemExit of argparse too
            for undo in reversed(_undoing if code else []):
                undo()
            _undoing = None
            with contextlib.suppress(OSError):
                flush_output()
    raise SystemExit(code)


def undo_on_error(undo: Callable[[], object]) -> None:
    """Have something called if a tool is running, and ends with an error or is interrupted."""
    if _undoing is not None:
        _undoing.append(undo)


def say(line: object, file: TextIO | None = None) -> None:
    """Print a line, to stdout by default; file names in it cannot control the terminal."""
    print(printable(line), file=file, flush=True)
