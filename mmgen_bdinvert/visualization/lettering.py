# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Text, colours and resized pictures of all sheets."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

__all__ = [
    'draw_lines',
    'fit_lines',
    'font',
    'line_height',
    'notice',
    'resize',
    'shorten',
    'text_width',
]

PAPER, INK, FAINT, FRAME = '#ffffff', '#262626', '#707070', '#d6d6d6'


def resize(picture: np.ndarray, tile: int) -> Image.Image:
    """Bring an RGB uint8 picture (H, W, 3) to a longest side of ``tile`` pixels."""
    image = Image.fromarray(np.ascontiguousarray(picture))
    longest = max(image.size)
    if tile < longest:
        method = Image.Resampling.LANCZOS
    elif tile % longest == 0:
        method = Image.Resampling.NEAREST
    else:
        method = Image.Resampling.BICUBIC
    size = tuple(max(1, round(side * tile / longest)) for side in image.size)
    return image.resize(size, method)


@lru_cache(maxsize=32)
def _load_font(size: int, ascii_only: bool) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    if ascii_only:
        return ImageFont.load_default(size)
    path = Path(matplotlib.get_data_path(), 'fonts/ttf/DejaVuSans.ttf')
    return ImageFont.truetype(str(path), size)


def font(text: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own font, or DejaVu for letters that it lacks, such as é, ж or ×."""
    return _load_font(size, text.isascii())


def text_width(text: str, size: int) -> float:
    """Return the width of a line in pixels."""
    return font(text, size).getlength(text)


def line_height(size: int) -> int:
    """Return the distance of lines in pixels."""
    _, top, _, bottom = font('Ag', size).getbbox('Ag')
    return round(1.25 * (bottom - top))


def draw_lines(
    draw: ImageDraw.ImageDraw,
    position: tuple[float, float],
    lines: Sequence[str],
    size: int,
    anchor: str,
    first: str = INK,
) -> None:
    """Draw lines below each other, those after the first fainter."""
    x, y = position
    for number, text in enumerate(lines):
        draw.text((x, y), text, FAINT if number else first, font(text, size), anchor=anchor)
        y += line_height(size)


def notice(text: str, size: int = 16, width: int = 720) -> np.ndarray:
    """Draw a text in the place of a picture that is missing: RGB uint8 (H, W, 3)."""
    lines = textwrap.wrap(text, max(1, int(width / text_width('n', size))))
    image = Image.new('RGB', (width, (len(lines) + 2) * line_height(size)), PAPER)
    draw_lines(ImageDraw.Draw(image), (size, line_height(size)), lines, size, 'la')
    return np.asarray(image)


def fit_lines(text: str, size: int, width: float) -> list[str]:
    """Split a text into its lines, each shortened to a width in pixels."""
    return [shorten(part, size, width) for part in str(text).split('\n')]


def shorten(text: str, size: int, width: float) -> str:
    """Cut the middle out of a text that is too wide: file names differ at both ends."""
    if text_width(text, size) <= width:
        return text
    for kept in range(len(text) - 1, 0, -1):
        candidate = f'{text[: (kept + 1) // 2]}...{text[len(text) - kept // 2 :]}'
        if text_width(candidate, size) <= width:
            return candidate
    return ''
