# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""How many images fit into memory at a time."""

from __future__ import annotations

from bdinvert_cli.sentences import is_out_of_memory

from ..models import BaseDetailGenerator
from ..models.inverters.base_inverter import OptimizationInverter
from .free_memory import free_memory

__all__ = ['fitting_batch', 'image_memory', 'is_out_of_memory']

_USED_SHARE = 0.8  # of the free memory
_TEMPORARY_MAPS = 6  # of the largest layer, beside those that the backward pass needs
_PERCEPTUAL = 12  # times 64 channels of the reduced image: VGG16 with its gradients
_LARGEST_REDUCED = 256  # side that the perceptual distance reduces images to


def image_memory(generator: BaseDetailGenerator, bytes_each: int = 4) -> int:
    """Estimate the bytes that a step of an inversion needs for each image."""
    widths = generator.generator.channels
    sides = [s for s in widths if generator.base_size <= s <= generator.resolution]
    maps = [int(widths[s]) * s * s for s in sides]
    kept = max(maps) * 2 if generator.checkpointing else sum(maps) * 2
    reduced = min(generator.resolution, _LARGEST_REDUCED)
    return bytes_each * (kept + _TEMPORARY_MAPS * max(maps) + _PERCEPTUAL * 64 * reduced**2)


def fitting_batch(inverter: OptimizationInverter, wanted: int) -> int:
    """Return how many images to invert at a time: ``wanted``, or as many as will probably fit."""
    free = free_memory(inverter.generator.device)
    if free is None:
        return wanted
    each = image_memory(inverter.generator, 2 if inverter.amp is True else 4)
    return max(1, min(wanted, int(_USED_SHARE * free / each)))
