# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Finding directions of a generator, and pictures of their effects."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmgen.registry import MODULES

from ..editing import StyleEdit, draw_latents
from ..editing.samples import sample_codes
from ..io import claim_folder, claim_outputs, output_names, save_png, tensor_to_images
from ..models import BaseDetailGenerator
from ..visualization import contact_sheet
from .inference import edit, render

__all__ = ['draw_samples', 'find_directions', 'finder_of', 'preview', 'quality_notes']

_MAKER = 'find-directions'
_SETTINGS = ('samples', 'labelled', 'seed', 'mixed', 'orthogonal_to')


def find_directions(
    generator: BaseDetailGenerator,
    finder: Mapping[str, Any] | Any,
    out_dir: str | os.PathLike,
    *,
    seed: int = 0,
    preview_dir: str | os.PathLike | None = None,
    strengths: Sequence[float] | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> list[StyleEdit]:
    """Find directions, and save each with a picture of its effect.

    For each direction ``<out_dir>/<name>.safetensors`` and ``<preview_dir>/<name>.png`` are
    written, once all are found.

    Args:
        generator (BaseDetailGenerator): From :func:`mmgen_bdinvert.apis.init_generator`.
        finder (Mapping | object): Config of ``ClassTargets``, ``InterFaceGAN``, ``Regression``,
            ``GANSpace``, ``SeFa`` or another registered finder, or the finder.
        out_dir (str | os.PathLike): Folder for the directions.
        seed (int): Seed of all samples. Defaults to 0.
        preview_dir (str | os.PathLike | None): Folder for the pictures. Defaults to ``out_dir``.
        strengths (Sequence[float] | None): Columns of the pictures. Defaults to -3 to 3 by 1.5, of
            a target to 0 to 1.5 by 0.5.
        progress (Callable | None): Called as ``progress(done, total)`` for the samples. Defaults
            to None.

    Returns:
        list[StyleEdit]: In the finder's order.

    Raises:
        FileNotFoundError, ValueError: What the finder needs is missing, or does not fit.
        ForeignFileError: A folder or a result would replace files that the package did not make.
        OutputError: A folder cannot be written to.

    Example:
        >>> found = find_directions(generator, dict(type='SeFa', count=3), 'directions')
        >>> [direction.name for direction in found]
        ['sefa0', 'sefa1', 'sefa2']
    """
    out_dir = claim_folder(out_dir, _MAKER)
    preview_dir = claim_folder(out_dir if preview_dir is None else preview_dir, _MAKER)
    if isinstance(finder, Mapping):
        finder = MODULES.build(dict(finder))
    found = finder.find(generator, seed=seed, progress=progress)
    names = output_names([f'{direction.name}.safetensors' for direction in found])
    for name, direction in zip(names, found):
        files = Path(out_dir, f'{name}.safetensors'), Path(preview_dir, f'{name}.png')
        claim_outputs(files, _MAKER)
        direction.save(files[0])
        picture = preview(generator, direction, strengths=strengths, seed=seed + 2)
        save_png(files[1], picture)
    return found


def finder_of(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the finder of a config, which messages call by its name; a ValueError without one."""
    if not isinstance(config.get('finder'), dict):
        raise ValueError(f'{name} has no finder: add one, as configs/directions do.')
    return config['finder']


def preview(
    generator: BaseDetailGenerator,
    direction: StyleEdit,
    *,
    strengths: Sequence[float] | None = None,
    rows: int = 5,
    seed: int = 0,
) -> np.ndarray:
    """Draw samples as rows, with a direction added to the detail code at several strengths.

    Returns:
        np.ndarray: RGB uint8 (H, W, 3).
    """
    (code,) = sample_codes(generator, draw_latents(generator, rows, seed), batch_size=rows)
    strengths = direction.shown_at if strengths is None else strengths
    columns = {f'{s:g}': render(generator, edit(generator, code, direction, s)) for s in strengths}
    sheet = [{name: pictures[i] for name, pictures in columns.items()} for i in range(rows)]
    facts = [f'{name} {value}' for name, value in quality_notes(direction).items()]
    title = f'{direction.name} ({", ".join([direction.method, *facts])})'
    return contact_sheet(sheet, title=title.replace('_', ' '))


def quality_notes(direction: StyleEdit) -> dict[str, str]:
    """Return the notes of a direction that say how good it is, by name."""
    notes = {name: value for name, value in direction.notes.items() if name not in _SETTINGS}
    return {name.replace('_', ' '): value for name, value in notes.items()}


@torch.no_grad()
def draw_samples(
    generator: BaseDetailGenerator,
    out_dir: str | os.PathLike,
    *,
    count: int,
    seed: int = 0,
    progress: Callable[[int, int], object] | None = None,
) -> Path:
    """Draw samples to label, as ``<index>.png``.

    Args:
        generator (BaseDetailGenerator): The generator.
        out_dir (str | os.PathLike): Folder for the pictures.
        count (int): Number of samples.
        seed (int): That of the finder which will read the labels. Defaults to 0.
        progress (Callable | None): Called as ``progress(done, total)``. Defaults to None.

    Returns:
        Path: The folder.

    Raises:
        ForeignFileError: The folder has files that the package did not make.
        OutputError: It cannot be written to.
    """
    out_dir, index = claim_folder(out_dir, _MAKER), 0
    claim_outputs([out_dir / f'{i:06d}.png' for i in range(count)], _MAKER)
    for code in sample_codes(generator, draw_latents(generator, count, seed)):
        images = generator(code.base, code.detail)
        for picture in tensor_to_images(images, generator.channel_order):
            save_png(out_dir / f'{index:06d}.png', picture)
            index += 1
        if progress is not None:
            progress(index, count)
    return out_dir
