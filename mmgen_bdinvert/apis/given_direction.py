# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Directions as they are given to functions."""

from __future__ import annotations

import os
from typing import Any

from ..editing import Direction, find_direction, load_direction, named_directions
from ..engine.config import pivot_of

__all__ = ['given_direction']


def given_direction(inverter: Any, direction: Direction | str | os.PathLike) -> Direction:
    """Return a direction that is given itself, as a file, or by its name in the config.

    Raises:
        FileNotFoundError, ValueError: There is no such file or name, or it holds no direction.
    """
    if isinstance(direction, Direction):
        return direction
    cfg = getattr(inverter, 'cfg', None)
    generator = {} if cfg is None else pivot_of(cfg.model).get('generator') or {}
    return load_direction(find_direction(os.fspath(direction), named_directions(generator)))
