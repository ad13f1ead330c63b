# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Errors and notes about files; each is one sentence that names the file."""

from __future__ import annotations

import functools
import logging


class ImageReadError(ValueError):
    """An image file cannot be read."""


class OutputError(OSError):
    """A result cannot be written."""


class StorageError(OutputError):
    """The disk is full, read-only or broken, so no other result can be written there either."""


class ForeignFileError(OutputError):
    """A file of the user is where a result should go."""


class DownloadError(FileNotFoundError):
    """A file cannot be had from the network."""


@functools.lru_cache(maxsize=1024)
def note_once(sentence: str) -> None:
    """Log a note about an input, once in a process.

    It does not go through mmengine's logger, whose warnings the tools turn off. A program that
    configures no logging has it on stderr.
    """
    logging.getLogger('mmgen_bdinvert').warning('note: %s', sentence)
