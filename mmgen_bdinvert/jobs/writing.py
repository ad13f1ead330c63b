# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The result of one image on its way to the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..io import OutputError, StorageError, ensure_writable_folder, tensor_to_image
from ..io.outputs import flushed_once
from ..io.stamps import FileStamp
from ..photos.in_photo import Target
from ..structures import LatentCode
from .record import ImageOutcome
from .results import RESULT_FILES, difference, save_inversion

__all__ = ['Task', 'Written', 'failed', 'write_image']


@dataclass(frozen=True)
class Task:
    """What is written of one image, under its name."""

    source: Target
    name: str
    code: LatentCode
    images: Mapping[str, np.ndarray | Tensor]  # RGB uint8 (H, W, 3), or (3, H, W) in [-1, 1]
    history: Mapping[str, Sequence[float]]  # losses
    metrics: dict[str, Any]
    on_sheet: bool = True  # whether the contact sheet shows it


@dataclass(frozen=True)
class Written:
    """What became of one image: for the manifest, the contact sheet, and maybe a shard."""

    outcome: ImageOutcome
    place: Mapping[str, Any] = field(default_factory=dict)
    title: str = ''
    pictures: Mapping[str, np.ndarray] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


def failed(name: str, source: Target, reason: str) -> ImageOutcome:
    """Return the outcome of an image that has no result."""
    return ImageOutcome(name, Path(os.fspath(source)), 'failed', reason)


def write_image(task: Task, folder: Path, packed: bool) -> Written:
    """Write the files of one image into a folder of its own; threads may do so side by side.

    If they go into a shard, they are returned, and the folder is removed.

    Raises:
        StorageError: The disk is full or broken. Other errors make a failed outcome.
    """
    try:
        return _write(task, folder, packed)
    except StorageError:
        raise
    except OutputError as error:
        return Written(failed(task.name, task.source, str(error)))


def _write(task: Task, folder: Path, packed: bool) -> Written:
    metrics, path = task.metrics, os.fspath(task.source)
    tensors = (*task.code.tensors.values(), task.images['reconstruction'])
    if not all(torch.isfinite(tensor).all() for tensor in tensors):
        reason = f'the code of {path!r} is not finite: check encoder and generator'
        return Written(failed(task.name, task.source, reason))
    status, reason = 'done', ''
    if metrics['stopped_at'] is not None:
        status = 'stopped'
        reason = (
            f'the loss of {path!r} became non-finite {metrics["setbacks"]} times, at last at step '
            f'{metrics["stopped_at"]}; its best state is saved: try a smaller learning rate'
        )
    outcome = ImageOutcome(task.name, Path(path), status, reason, metrics)
    figures = [f'{metrics["psnr"]:.1f} dB']
    if 'perceptual' in metrics:
        figures.append(f'perceptual {metrics["perceptual"]:.4f}')
    reconstruction = tensor_to_image(task.images['reconstruction'])
    optimised = any(len(values) > 1 for values in task.history.values())
    shown = _compared(task, reconstruction) if optimised or task.on_sheet else {}
    if packed:
        ensure_writable_folder(folder)
    with flushed_once():
        save_inversion(
            folder,
            code=task.code,
            pictures=shown if optimised else None,
            reconstruction=reconstruction,
            history=task.history,
            metrics=outcome.row(),
            title=', '.join((task.name, *figures)),
        )
    there = [file for file in RESULT_FILES if (folder / file).is_file()]
    title = '\n'.join((task.name, *figures))
    if not packed:
        stamps = {file: FileStamp.of(folder / file).json() for file in there}
        return Written(outcome, {'file_stamps': stamps}, title, shown)
    files = {file: (folder / file).read_bytes() for file in there}
    shutil.rmtree(folder, ignore_errors=True)
    return Written(outcome, {}, title, shown, files)


def _compared(task: Task, reconstruction: np.ndarray) -> dict[str, np.ndarray]:
    """Return what comparison and contact sheet show, by caption."""
    pictures = {**task.images, 'reconstruction': reconstruction}
    shown = {k: tensor_to_image(v) if isinstance(v, Tensor) else v for k, v in pictures.items()}
    shown['difference (4x)\ngrey: equal'] = difference(reconstruction, shown['target'])
    return shown
