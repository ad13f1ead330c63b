# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Figures of a paper: columns of pictures under common headings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from PIL import Image, ImageDraw

from .lettering import (
    FAINT,
    FRAME,
    INK,
    PAPER,
    draw_lines,
    fit_lines,
    line_height,
    resize,
    text_width,
)

__all__ = ['Column', 'panels']


@dataclass(frozen=True)
class Column:
    """A column of a figure.

    Args:
        heading (str): Neighbouring columns with the same one share it.
        pictures (Sequence[np.ndarray]): RGB uint8 (H, W, 3), one for each row.
        caption (str): Line below the heading. Defaults to ''.
    """

    heading: str
    pictures: Sequence[np.ndarray]
    caption: str = ''


def panels(columns: Sequence[Column], names: Sequence[str] = (), *, tile: int = 128) -> np.ndarray:
    """Put columns of pictures under headings and captions: RGB uint8 (H, W, 3).

    Args:
        columns (Sequence[Column]): From left to right, all with as many pictures.
        names (Sequence[str]): Names of the rows, on the left. Defaults to none.
        tile (int): Side of a picture in pixels. Defaults to 128.

    Raises:
        ValueError: There is no column or picture, or numbers of pictures or names differ.
    """
    counts = {len(column.pictures) for column in columns} | ({len(names)} if names else set())
    if len(counts) != 1 or counts == {0}:
        raise ValueError(
            f'Columns must have the same number of pictures, and of row names, but got '
            f'{[len(column.pictures) for column in columns]} pictures and {len(names)} names.'
        )
    (rows,) = counts
    gap, apart, margin = max(4, tile // 32), max(14, tile // 7), max(10, tile // 12)
    size = max(12, round(tile / 10))
    line = line_height(size)
    label = round(max((text_width(name, size) for name in names), default=0))
    x = margin + (label + apart if names else 0)
    top = margin + round(1.6 * line) + (line if any(c.caption for c in columns) else 0) + gap
    places, groups = [], []  # of columns, and of those under one heading
    for heading, group in groupby(columns, key=lambda column: column.heading):
        begin = x
        for column in group:
            places.append((x, column))
            x += tile + gap
        groups.append((begin, x - gap, heading))
        x += apart - gap
    width, height = x - apart + margin, top + rows * (tile + gap) - gap + margin

    sheet = Image.new('RGB', (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    for begin, end, heading in groups:
        lines = fit_lines(heading, size, end - begin + apart - gap)
        draw_lines(draw, ((begin + end) / 2, margin), lines, size, 'ma')
        if end - begin > tile:
            draw.line((begin, margin + 1.3 * line, end - 1, margin + 1.3 * line), FRAME)
    for left, column in places:
        caption = fit_lines(column.caption, size, tile)
        middle = (left + tile / 2, top - gap - line)
        draw_lines(draw, middle, caption, size, 'ma', first=FAINT)
        for row, picture in enumerate(column.pictures):
            y = top + row * (tile + gap)
            sheet.paste(resize(np.asarray(picture), tile), (left, y))
    for row, name in enumerate(names):
        centred = top + row * (tile + gap) + (tile - line) / 2
        draw_lines(draw, (margin + label, centred), [name], size, 'ra', first=INK)
    return np.array(sheet)
