# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Figures like those of the paper, on the embedded toon faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mmgen_bdinvert.apis.inference import edit, render
from mmgen_bdinvert.apis.motion import transform
from mmgen_bdinvert.editing import StyleEdit, draw_latents
from mmgen_bdinvert.editing.samples import sample_codes
from mmgen_bdinvert.geometry import GeometricTransform
from mmgen_bdinvert.models import BaseDetailGenerator
from mmgen_bdinvert.structures import LatentCode
from mmgen_bdinvert.visualization import Column, panels

__all__ = ['ablation', 'base_codes', 'moved_edits', 'rounded', 'targets', 'teaser']

Edits = Mapping[str, tuple[StyleEdit, float]]

_MOTIONS = {
    'left': GeometricTransform(shift=(-0.1875, 0.0)),
    'right and up': GeometricTransform(shift=(0.1875, -0.125)),
    'rotated': GeometricTransform(rotate=15),
    'smaller': GeometricTransform(scale=0.85),
}


def teaser(
    generator: BaseDetailGenerator,
    photos: Sequence[np.ndarray],
    codes: LatentCode,
    rival: LatentCode,
    edits: Edits,
    straight: LatentCode,
    names: Sequence[str],
) -> np.ndarray:
    """Draw out-of-range photos, their inversions, edits and motions (paper, figure 1).

    Args:
        generator (BaseDetailGenerator): The generator.
        photos (Sequence[np.ndarray]): n photos, RGB uint8 (H, W, 3).
        codes (LatentCode): Their n codes.
        rival (LatentCode): Their n codes by W+.
        edits (Mapping[str, tuple[StyleEdit, float]]): Caption to direction and strength.
        straight (LatentCode): The codes, straightened.
        names (Sequence[str]): Of the rows.

    Returns:
        np.ndarray: RGB uint8 (H, W, 3).
    """
    first = next(iter(edits.items()))
    return panels(
        [
            Column('photo', photos),
            Column('inversion', render(generator, rival), 'W+'),
            Column('inversion', render(generator, codes), 'BDInvert'),
            *_edited(generator, codes, edits, 'detail code edited'),
            Column('inverted in alignment', render(generator, straight), 'straightened'),
            *_edited(generator, straight, dict([first]), 'inverted in alignment'),
        ],
        names,
    )


def base_codes(generator: BaseDetailGenerator, seed: int = 0, rows: int = 3) -> np.ndarray:
    """Draw samples with other detail codes, and with their base codes moved (paper, figure 3).

    Args:
        generator (BaseDetailGenerator): The generator.
        seed (int): Seed of the samples. Defaults to 0.
        rows (int): Base codes. Defaults to 3.

    Returns:
        np.ndarray: RGB uint8 (H, W, 3): in a row the base code is the same, or moved.
    """
    (drawn,) = sample_codes(generator, draw_latents(generator, 2 * rows, seed), batch_size=64)
    codes = drawn[:rows]
    columns = [Column('sample', render(generator, codes))]
    for other in range(rows, 2 * rows):
        detail = drawn.detail[other : other + 1].expand_as(codes.detail)
        mixed = render(generator, replace(codes, detail=detail))
        columns.append(Column('same base code, other detail codes', mixed))
    for caption, motion in _MOTIONS.items():
        moved = render(generator, transform(generator, codes, motion))
        columns.append(Column('same detail code, base code moved', moved, caption))
    return panels(columns)


def targets(
    generator: BaseDetailGenerator, edits: Edits, seed: int = 2, rows: int = 5
) -> np.ndarray:
    """Draw samples, each brought to every target.

    Args:
        generator (BaseDetailGenerator): The generator.
        edits (Mapping[str, tuple[StyleEdit, float]]): Targets and strengths, by caption.
        seed (int): Seed of the samples. Defaults to 2.
        rows (int): Samples. Defaults to 5.

    Returns:
        np.ndarray: RGB uint8 (H, W, 3).
    """
    (codes,) = sample_codes(generator, draw_latents(generator, rows, seed), batch_size=64)
    sample = Column('sample', render(generator, codes))
    return panels([sample, *_edited(generator, codes, edits, 'the same, brought to')])


def ablation(
    generator: BaseDetailGenerator,
    photos: Sequence[np.ndarray],
    methods: Mapping[str, LatentCode],
    edits: Edits,
    names: Sequence[str],
) -> np.ndarray:
    """Draw inversions with more and fewer regularisers, and edits of them (paper, figure 4).

    Args:
        generator, photos, edits, names: As for :func:`teaser`.
        methods (Mapping[str, LatentCode]): Heading to the n codes of the photos.

    Returns:
        np.ndarray: RGB uint8 (H, W, 3).
    """
    columns = [Column('photo', photos)]
    for heading, codes in methods.items():
        columns.append(Column(heading, render(generator, codes), 'inversion'))
        columns += _edited(generator, codes, edits, heading)
    return panels(columns, names)


def moved_edits(
    generator: BaseDetailGenerator,
    photos: Sequence[np.ndarray],
    codes: LatentCode,
    colours: Edits,
    shapes: Edits,
    names: Sequence[str],
) -> np.ndarray:
    """Draw edits of moved photos: colours, which follow the motion, and shapes, which partly do.

    Args:
        generator, photos, codes, names: As for :func:`teaser`.
        colours (Mapping[str, tuple[StyleEdit, float]]): Edits of colours, by caption.
        shapes (Mapping[str, tuple[StyleEdit, float]]): Edits of shapes, by caption.

    Returns:
        np.ndarray: RGB uint8 (H, W, 3).
    """
    return panels(
        [
            Column('photo', photos),
            Column('BDInvert', render(generator, codes)),
            *_edited(generator, codes, colours, 'colours follow an edit'),
            *_edited(generator, codes, shapes, 'shapes follow in part'),
        ],
        names,
    )


def rounded(picture: np.ndarray) -> np.ndarray:
    """Round uint8 values to multiples of 4, except 255: invisible, and a PNG shrinks by 40 %."""
    return (4 * ((picture.astype(np.int16) + 2) // 4)).clip(0, 255).astype(np.uint8)


def _edited(
    generator: BaseDetailGenerator, codes: LatentCode, edits: Edits, heading: str
) -> list[Column]:
    return [
        Column(heading, render(generator, edit(generator, codes, *change)), caption)
        for caption, change in edits.items()
    ]
