# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Which faces of a drawn photo were found."""

from __future__ import annotations

from collections.abc import Sequence

from mmgen_bdinvert.photos import Window

__all__ = ['matches']

_NEAR = 0.15  # of a face's side: how far off its middle may be found
_FACTOR = 1.35  # by which its side may be found larger or smaller


def matches(
    truth: Sequence[Window], found: Sequence[Window]
) -> tuple[list[tuple[Window, Window]], int]:
    """Pair the faces that are there with those that were found.

    Args:
        truth (Sequence[Window]): The squares of the faces.
        found (Sequence[Window]): The squares that a finder gave.

    Returns:
        tuple[list[tuple[Window, Window]], int]: Pairs of both, and how many were found in vain.
    """
    left, pairs = list(found), []
    for face in truth:
        for other in left:
            away = (face.centre - other.centre).norm().item()
            ratio = other.size / face.size
            if away < _NEAR * face.size and 1 / _FACTOR < ratio < _FACTOR:
                pairs.append((face, other))
                left.remove(other)
                break
    return pairs, len(left)
