# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What is said of inputs: that they cannot be read, or that they are not read quite as they are."""

from __future__ import annotations

import functools
import logging

from mmengine.logging import print_log

__all__ = ['ImageReadError', 'say_once']


class ImageReadError(ValueError):
    """An image file cannot be read; the message is one sentence that names the file."""


@functools.lru_cache(maxsize=1024)
def say_once(sentence: str) -> None:
    """Log a sentence about an input, once in a process, however often the input is read."""
    print_log(sentence, 'current', logging.WARNING)
