# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Settings as people write them on a command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.config import DictAction

__all__ = ['read_settings']


def read_settings(texts: Mapping[str, str] | None) -> dict[str, Any]:
    """Read the values of ``--cfg-options`` as mmengine does: numbers, lists, tuples, strings.

    Args:
        texts (Mapping[str, str] | None): Text by dotted key.

    Returns:
        dict[str, Any]: Value by dotted key.

    Raises:
        ValueError: Brackets do not match.
    """
    found = {}
    for key, text in (texts or {}).items():
        try:
            found[key] = DictAction._parse_iterable(text)
        except AssertionError as error:
            raise ValueError(f'--cfg-options cannot read {key}={text!r} ({error}).') from error
    return found
