# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What goes wrong with files; each message is one sentence that names the file."""

from __future__ import annotations

__all__ = ['ForeignFileError', 'ImageReadError', 'OutputError', 'StorageError']


class ImageReadError(ValueError):
    """An image file cannot be read; the message is one sentence that names the file."""


class OutputError(OSError):
    """A result cannot be written; the message is one sentence that names the path."""


class StorageError(OutputError):
    """The disk is full, read-only or broken: no other result can be written there either."""


class ForeignFileError(OutputError):
    """A file of the user is where a result should go; the message is one sentence."""
