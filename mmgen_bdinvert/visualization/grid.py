# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Captioned pictures next to each other: RGB uint8 arrays (H, W, 3) in and out.

Tiles are square; a picture that is not is centred. Whole factors of enlargement repeat pixels, so
that one sees what the generator made; others are bicubic, and reducing averages (Lanczos).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torchvision.utils import make_grid

from ..io.images import checked_picture, tensor_to_images
from .lettering import (
    FAINT,
    FRAME,
    INK,
    PAPER,
    draw_lines,
    fit_lines,
    font,
    line_height,
    resize,
    shorten,
    text_width,
)

MIN_TILE = 192

_EMPTY = '#f5f5f5'
_MAX_ROWS = 50


def comparison(
    images: Mapping[str, np.ndarray], *, tile: int | None = None, title: str = ''
) -> np.ndarray:
    """Put pictures side by side under their captions, RGB uint8 (H, W, 3) as they are.

    Args:
        images (Mapping[str, np.ndarray]): Caption to RGB uint8 picture (H, W, 3), left to right.
            A line break in a caption starts a second, fainter line.
        tile (int, optional): Side of a tile in pixels, 16 or more. Defaults to None: the longest
            side of the pictures, or the first multiple of it from 192.
        title (str): Line above everything. Defaults to ''.

    Raises:
        ValueError: There is no picture, one is not uint8 (H, W, 3), or ``tile`` is too small.
    """
    return _sheet([images], [''], _tile_side([images], tile), title, '')


def contact_sheet(
    rows: Sequence[Mapping[str, np.ndarray]],
    names: Sequence[str] | None = None,
    *,
    tile: int = MIN_TILE,
    title: str = '',
) -> np.ndarray:
    """Put comparisons below each other, RGB uint8 (H, W, 3); rows after 50 are only counted.

    Args:
        rows (Sequence[Mapping[str, np.ndarray]]): For each row, column heading to RGB uint8
            picture (H, W, 3). Columns appear in the order in which headings are first met; a row
            without a picture for a column shows an empty tile.
        names (Sequence[str], optional): Row names, printed on the left; lines after the first
            are fainter. Defaults to None.
        tile (int): Side of a tile in pixels, 16 or more. Defaults to 192.
        title (str): Line above everything. Defaults to ''.

    Raises:
        ValueError: As :func:`comparison`, or ``names`` has another length than ``rows``.
    """
    names = [''] * len(rows) if names is None else [str(name) for name in names]
    if len(names) != len(rows):
        raise ValueError(f'names must be as many as rows ({len(rows)}), but got {len(names)}')
    shown = rows[:_MAX_ROWS]
    note = f'... and {len(rows) - _MAX_ROWS} more' if len(rows) > _MAX_ROWS else ''
    return _sheet(shown, names[:_MAX_ROWS], _tile_side(shown, tile), title, note)


def image_grid(images: Tensor | Sequence[np.ndarray], ncol: int | None = None) -> np.ndarray:
    """Tile pictures row by row with two white pixels in between: RGB uint8 (H, W, 3).

    Args:
        images (Tensor | Sequence[np.ndarray]): RGB float tensor (n, 3, H, W) in [-1, 1], or n RGB
            uint8 pictures (H, W, 3) of one size.
        ncol (int, optional): Number of columns. Defaults to None: the grid is about square.

    Raises:
        ValueError: There is no picture, sizes differ, or ``ncol`` is below 1.
    """
    pictures = tensor_to_images(images) if isinstance(images, Tensor) else images
    pictures = [checked_picture(picture, f'picture {i}') for i, picture in enumerate(pictures)]
    if not pictures:
        raise ValueError('images must hold at least one picture, but got none')
    sizes = {picture.shape[:2] for picture in pictures}
    if len(sizes) > 1:
        raise ValueError(f'pictures of a grid must have one size, but got {sorted(sizes)}')
    ncol = math.ceil(math.sqrt(len(pictures))) if ncol is None else ncol
    if ncol < 1:
        raise ValueError(f'ncol must be at least 1, but got {ncol}')
    if len(pictures) == 1:
        return pictures[0]
    batch = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)  # [NHWC] -> [NCHW]
    grid = make_grid(batch, ncol, padding=2, pad_value=255)
    return grid[:, 2:-2, 2:-2].permute(1, 2, 0).numpy().copy()  # without a margin: [CHW] -> [HWC]


def _tile_side(rows: Sequence[Mapping[str, np.ndarray]], tile: int | None) -> int:
    """Check all pictures, and return the side of a tile."""
    sides = [
        max(checked_picture(picture, f'picture {label!r}').shape[:2])
        for row in rows
        for label, picture in row.items()
    ]
    if not sides:
        raise ValueError('at least one picture must be given, but got none')
    if tile is None:
        return max(sides) * -(-MIN_TILE // max(sides))
    if tile < 16:
        raise ValueError(f'tile must be at least 16 pixels, but got {tile}')
    return tile


def _sheet(
    rows: Sequence[Mapping[str, np.ndarray]],
    names: Sequence[str],
    tile: int,
    title: str,
    note: str,
) -> np.ndarray:
    gap, margin = max(6, tile // 24), max(10, tile // 14)
    text_size = max(12, round(tile / 14))
    title_size = max(14, round(tile / 11))
    line = line_height(text_size)
    columns = list(dict.fromkeys(label for row in rows for label in row))
    captions = [fit_lines(label, text_size, tile) for label in columns]
    row_names = [fit_lines(name, text_size, 1.1 * tile)[: tile // line] for name in names]

    longest = max((text_width(text, text_size) for lines in row_names for text in lines), default=0)
    left = margin + (round(longest) + 2 * gap if longest else 0)
    width = left + len(columns) * (tile + gap) - gap + margin
    title_height = round(1.6 * line_height(title_size)) if title else 0
    top = margin + title_height
    caption_height = max(len(lines) for lines in captions) * line + gap // 2
    first = top + caption_height
    height = first + len(rows) * (tile + gap) - gap + (line + gap if note else 0) + margin

    sheet = Image.new('RGB', (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    if title:
        title = shorten(title, title_size, width - 2 * margin)
        draw.text((margin, margin), title, INK, font(title, title_size))
    for column, lines in enumerate(captions):
        # Short captions stand on the pictures, not at the top of a taller neighbour's box.
        y = first - gap // 2 - len(lines) * line
        draw_lines(draw, (left + column * (tile + gap) + tile / 2, y), lines, text_size, 'ma')
    for number, (row, lines) in enumerate(zip(rows, row_names)):
        y = first + number * (tile + gap)
        beside = (left - 2 * gap, y + (tile - len(lines) * line) // 2)
        draw_lines(draw, beside, lines, text_size, 'ra')
        for column, label in enumerate(columns):
            x = left + column * (tile + gap)
            draw.rectangle((x - 1, y - 1, x + tile, y + tile), _EMPTY, FRAME)
            if label in row:
                picture = resize(np.asarray(row[label]), tile)
                offset = (x + (tile - picture.width) // 2, y + (tile - picture.height) // 2)
                sheet.paste(picture, offset)
            else:
                middle = (x + tile / 2, y + tile / 2)
                draw.text(middle, 'none', FAINT, font('none', text_size), anchor='mm')
    if note:
        draw.text((left, height - margin - line), note, FAINT, font(note, text_size))
    return np.array(sheet)
