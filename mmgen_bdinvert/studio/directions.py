# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Directions that travel with the package."""

from __future__ import annotations

from ..editing import Direction, load_direction
from ..io import local_path
from ..models import BaseDetailGenerator

__all__ = ['shipped_directions']


def shipped_directions(generator: BaseDetailGenerator) -> list[Direction]:
    """Load the directions under ``assets`` that were made with a generator.

    Args:
        generator (BaseDetailGenerator): The generator.

    Returns:
        list[Direction]: By name; empty for a generator that did not travel with the package.
    """
    found = []
    for path in local_path('asset://x').parent.rglob('*.safetensors'):
        try:
            direction = load_direction(path)
        except ValueError:  # weights or statistics
            continue
        if direction.fingerprint == generator.fingerprint:
            found.append(direction)
    return sorted(found, key=lambda direction: direction.name)
