# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""An edit as a short film."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

__all__ = ['animated_webp']


def animated_webp(
    pictures: Sequence[np.ndarray], *, frame_ms: int = 60, hold_ms: int = 900
) -> bytes:
    """Encode pictures as an animation that plays forth and back, for ever.

    Args:
        pictures (Sequence[np.ndarray]): Two or more of one size, RGB uint8 (H, W, 3).
        frame_ms (int): How long each is shown. Defaults to 60.
        hold_ms (int): How long the first and the last are. Defaults to 900.

    Returns:
        bytes: A WebP file.

    Raises:
        ValueError: There are fewer than two pictures.
    """
    if len(pictures) < 2:
        raise ValueError(f'A video needs two pictures or more, but got {len(pictures)}.')
    forth = [Image.fromarray(picture) for picture in pictures]
    durations = [frame_ms] * len(forth)
    durations[0] = durations[-1] = hold_ms
    back = slice(-2, 0, -1)
    first, *others = forth + forth[back]
    buffer = io.BytesIO()
    first.save(
        buffer,
        'WEBP',
        save_all=True,
        append_images=others,
        duration=durations + durations[back],
        loop=0,
        quality=90,
    )
    return buffer.getvalue()
