# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Notes about inputs that are not read quite as they are."""

from __future__ import annotations

import functools
import logging

__all__ = ['say_once']


@functools.lru_cache(maxsize=1024)
def say_once(sentence: str) -> None:
    """Log a note about an input, once in a process, however often the input is read.

    Not through mmengine's logger: the tools turn its warnings off, which are the host's news. A
    program that sets no logging up has it on stderr.
    """
    logging.getLogger('mmgen_bdinvert').warning('note: %s', sentence)
