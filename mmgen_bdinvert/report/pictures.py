# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Pictures small enough to travel inside a page."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

__all__ = ['embed', 'open_png']

_QUALITY = 82


def embed(picture: Image.Image, longest: int) -> str:
    """Return a picture as a ``data:`` address, in WebP.

    Args:
        picture (Image.Image): RGB.
        longest (int): Its longer side is brought down to this many pixels; never enlarged.

    Returns:
        str: The address.
    """
    picture = picture.copy()
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, 'WEBP', quality=_QUALITY)
    return f'data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}'


def open_png(data: bytes | np.ndarray | None) -> Image.Image | None:
    """Return a picture from the bytes of a file, or an RGB array; None if there is none to see.

    Args:
        data (bytes | np.ndarray | None): A PNG file, or RGB uint8 (H, W, 3).

    Returns:
        Image.Image | None: RGB.
    """
    if data is None:
        return None
    if isinstance(data, np.ndarray):
        return Image.fromarray(data)
    try:
        return Image.open(io.BytesIO(data), formats=['PNG']).convert('RGB')
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
