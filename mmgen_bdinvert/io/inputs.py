# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The files that settings name: weights, statistics, directions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .paths import local_path
from .stamps import FileStamp

__all__ = ['input_digests']


def input_digests(settings: Any) -> dict[str, str]:
    """Digest the files that settings name, at any depth, so that a change is noticed later.

    Args:
        settings (Any): Nested dicts and lists, such as a config.

    Returns:
        dict[str, str]: SHA-256 by the name in the settings.
    """
    digests = {}
    for name in _words(settings):
        try:
            digests[name] = FileStamp.of(local_path(name)).digest
        except (OSError, ValueError):  # a word that is no name of a file
            continue
    return digests


def _words(settings: Any) -> Iterator[str]:
    if isinstance(settings, str):
        yield settings
    elif isinstance(settings, Mapping):
        for value in settings.values():
            yield from _words(value)
    elif isinstance(settings, (list, tuple)):
        for value in settings:
            yield from _words(value)
