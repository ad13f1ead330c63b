# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What is said of inputs: that they cannot be read, or that they are not read quite as they are."""

from __future__ import annotations

import functools
import logging

__all__ = ['ImageReadError', 'say_once']


class ImageReadError(ValueError):
    """An image file cannot be read; the message is one sentence that names the file."""


@functools.lru_cache(maxsize=1024)
def say_once(sentence: str) -> None:
    """Log a note about an input, once in a process, however often the input is read.

    Not through mmengine's logger: the tools turn its warnings off, which are the host's news. A
    program that sets no logging up has it on stderr.
    """
    logging.getLogger('mmgen_bdinvert').warning('note: %s', sentence)
