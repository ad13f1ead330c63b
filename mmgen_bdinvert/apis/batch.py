# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Inversion of many image files into a folder of results."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor

from ..evaluation import psnr
from ..io import (
    FIT_MODES,
    ImageReadError,
    OutputError,
    ensure_writable_folder,
    find_images,
    image_to_tensor,
    output_names,
    read_image,
    tensor_to_image,
)
from ..io.results import Sheet, difference, save_config, save_inversion, save_table
from ..models.optimization_inverter import OptimizationInverter, StepCallback
from ..structures import InversionResult
from .memory import fitting_batch, is_out_of_memory
from .outcome import ImageOutcome

__all__ = ['RUN_FILES', 'invert_files', 'plan_files']

RUN_FILES = ('config.py', 'summary.csv', 'contact_sheet.png')
_COLUMNS = ('name', 'status', 'psnr', 'mse', 'perceptual')
_LAST_COLUMNS = ('steps', 'stopped_at', 'seconds', 'fit', 'reason', 'source')


def plan_files(
    inputs: str | os.PathLike | Iterable[str | os.PathLike], out_dir: str | os.PathLike
) -> list[tuple[Path, str]]:
    """List the images to invert and make sure that results can be written, before heavy work.

    Args:
        inputs (str | os.PathLike | Iterable): Image files and folders, which are searched
            recursively; results of an earlier run in ``out_dir`` are left out.
        out_dir (str | os.PathLike): Folder for the results; it is made.

    Returns:
        list[tuple[Path, str]]: Image files and the unique names of their folders in ``out_dir``.

    Raises:
        FileNotFoundError: An input does not exist.
        ValueError: An input is a folder without images, or nothing is left.
        OutputError: ``out_dir`` cannot be written to.
    """
    inputs = [inputs] if isinstance(inputs, (str, os.PathLike)) else list(inputs)
    named = {os.path.realpath(item) for item in inputs}
    results = os.path.realpath(out_dir)
    paths = [
        path
        for path in find_images(inputs)
        if os.path.realpath(path) in named or Path(results) not in path.resolve().parents
    ]
    if not paths:
        raise ValueError(
            f'There is no image but the results in {os.fspath(out_dir)!r}: check the inputs.'
        )
    ensure_writable_folder(out_dir)
    return list(zip(paths, output_names(paths, reserved=RUN_FILES)))


def invert_files(
    inverter: OptimizationInverter,
    inputs: str | os.PathLike | Iterable[str | os.PathLike],
    out_dir: str | os.PathLike,
    *,
    fit: str = 'crop',
    batch_size: int = 8,
    on_step: StepCallback | None = None,
    on_image: Callable[[ImageOutcome], object] | None = None,
) -> list[ImageOutcome]:
    """Invert image files; what is finished is on disk, whatever happens next.

    For each image ``<out_dir>/<name>/`` gets the files :data:`RESULT_FILES` as soon as its batch
    is done, ``metrics.json`` last. The run gets ``config.py`` (the inverter's config, resolved),
    ``summary.csv`` and ``contact_sheet.png``, after an interruption too. An image that cannot be
    read, inverted or saved is noted, and the others go on.

    Args:
        inverter (OptimizationInverter): From :func:`mmgen_bdinvert.apis.init_inverter`.
        inputs (str | os.PathLike | Iterable): As for :func:`plan_files`.
        out_dir (str | os.PathLike): As for :func:`plan_files`.
        fit (str): As for :func:`mmgen_bdinvert.apis.invert`. Defaults to 'crop'.
        batch_size (int): Images at a time, at most: fewer where memory does not suffice. Defaults
            to 8.
        on_step (Callable | None): As ``callback`` of :func:`mmgen_bdinvert.apis.invert`.
        on_image (Callable | None): Called with every :class:`ImageOutcome`.

    Returns:
        list[ImageOutcome]: One for each image.

    Raises:
        FileNotFoundError: As :func:`plan_files`.
        ValueError: As :func:`plan_files`, or an argument is wrong.
        OutputError: The files of the run cannot be written.

    Example:
        >>> outcomes = invert_files(inverter, ['photo.png'], 'results')
        >>> outcomes[0].name, outcomes[0].status
        ('photo', 'done')
    """
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f'batch_size is a whole number of 1 or more, but got {batch_size!r}.')
    if fit not in FIT_MODES:
        raise ValueError(f'fit must be one of {", ".join(FIT_MODES)}, but got {fit!r}.')
    jobs = plan_files(inputs, out_dir)
    run = _Run(inverter, Path(out_dir), fit, on_step, on_image or (lambda outcome: None))
    save_config(out_dir, inverter)
    try:
        for batch in run.batches(jobs, fitting_batch(inverter, batch_size)):
            run.invert_fitting(batch)
    finally:
        order = {name: i for i, (_, name) in enumerate(jobs)}
        run.outcomes.sort(key=lambda outcome: order[outcome.name])
        run.save_summary()
    return run.outcomes


class _Run:
    """The state of one run: outcomes so far, and small pictures for the contact sheet."""

    def __init__(
        self,
        inverter: OptimizationInverter,
        out_dir: Path,
        fit: str,
        on_step: StepCallback | None,
        on_image: Callable[[ImageOutcome], object],
    ) -> None:
        self.inverter, self.out_dir, self.fit = inverter, out_dir, fit
        self.on_step, self.on_image = on_step, on_image
        self.outcomes: list[ImageOutcome] = []
        self.sheet = Sheet()

    def batches(
        self, jobs: Sequence[tuple[Path, str]], size: int
    ) -> Iterator[list[tuple[Path, str, np.ndarray]]]:
        """Read images into full batches; those that cannot be read or saved fail at once."""
        batch = []
        for source, name in jobs:
            try:
                rgb = read_image(source, self.inverter.generator.resolution, fit=self.fit)
                ensure_writable_folder(self.out_dir / name)
            except (ImageReadError, OutputError) as error:
                self._note(ImageOutcome(name, source, 'failed', str(error)))
                continue
            batch.append((source, name, rgb))
            if len(batch) == size:
                yield batch
                batch = []
        if batch:
            yield batch

    def invert_fitting(self, batch: Sequence[tuple[Path, str, np.ndarray]]) -> None:
        """Invert one batch; in halves if the memory does not suffice."""
        try:
            return self.invert(batch)
        except (RuntimeError, MemoryError) as error:
            if len(batch) == 1 or not is_out_of_memory(error):
                raise
        half = len(batch) // 2  # outside the handler, which holds on to the memory
        print_log(f'The memory does not suffice for {len(batch)} images at a time.', 'current')
        for part in (batch[:half], batch[half:]):
            self.invert_fitting(part)

    def invert(self, batch: Sequence[tuple[Path, str, np.ndarray]]) -> None:
        """Invert one batch and save its images."""
        generator, starts = self.inverter.generator, []

        def on_step(step: int, num_steps: int, losses: dict[str, Tensor], images: Tensor) -> None:
            if step == 0:
                starts.append(generator.to_rgb(images).cpu())
            if self.on_step is not None:
                self.on_step(step, num_steps, losses, images)

        rgb = torch.cat([image_to_tensor(picture) for _, _, picture in batch]).to(generator.device)
        began = time.perf_counter()
        result = self.inverter.invert(generator.to_rgb(rgb), on_step)
        output = generator.to_rgb(result.reconstruction)
        rows = self._measure(rgb, output, result)
        seconds = (time.perf_counter() - began) / len(batch)
        for i, (source, name, target) in enumerate(batch):
            metrics = {**rows[i], 'seconds': round(seconds, 3), 'fit': self.fit}
            pictures = {'target': target, 'start': starts[0][i], 'reconstruction': output[i]}
            self._note(self._save(source, name, result, i, pictures, metrics))

    def _measure(self, target: Tensor, output: Tensor, result: InversionResult) -> list[dict]:
        columns = {'psnr': psnr(output, target)}
        columns['mse'] = (output - target).square().flatten(1).mean(1)
        if 'perceptual' in self.inverter.losses:
            distance = self.inverter.losses['perceptual']
            with torch.no_grad():
                columns['perceptual'] = distance(output, distance.prepare(target))
        rows = [{name: float(v[i]) for name, v in columns.items()} for i in range(len(target))]
        for i, row in enumerate(rows):
            stopped = int(result.stopped_at[i])
            row['steps'] = self.inverter.num_steps if stopped < 0 else stopped
            row['stopped_at'] = None if stopped < 0 else stopped
            row['losses'] = _final_losses(result, i)
        return rows

    def _save(
        self,
        source: Path,
        name: str,
        result: InversionResult,
        index: int,
        pictures: dict[str, Any],
        metrics: dict[str, Any],
    ) -> ImageOutcome:
        stopped = metrics['stopped_at']
        status, reason = 'done', ''
        if stopped is not None:
            status = 'stopped'
            reason = (
                f'the loss of {os.fspath(source)!r} became non-finite at step {stopped}; its best '
                f'state is saved: try a smaller learning rate'
            )
        code = result.code[index]
        if not all(
            torch.isfinite(t).all() for t in (code.base, code.detail, result.reconstruction[index])
        ):
            reason = f'the code of {os.fspath(source)!r} is not finite: check encoder and generator'
            return ImageOutcome(name, source, 'failed', reason)
        outcome = ImageOutcome(name, source, status, reason, metrics)
        try:
            pictures = {
                key: value if isinstance(value, np.ndarray) else tensor_to_image(value)
                for key, value in pictures.items()
            }
            gap = difference(pictures['reconstruction'], pictures['target'])
            shown = {**pictures, 'difference (4x)\ngrey: equal': gap}
            save_inversion(
                self.out_dir / name,
                code=code,
                pictures=shown,
                reconstruction=pictures['reconstruction'],
                history={k: v[:, index].tolist() for k, v in result.history.items()},
                metrics=outcome.row(),
                title=', '.join((name, *_figures(metrics))),
            )
        except OutputError as error:
            return ImageOutcome(name, source, 'failed', str(error))
        self.sheet.add('\n'.join((name, *_figures(metrics))), shown)
        return outcome

    def _note(self, outcome: ImageOutcome) -> None:
        self.outcomes.append(outcome)
        self.on_image(outcome)

    def save_summary(self) -> None:
        """Write the table and the contact sheet of what there is so far."""
        losses = [f'loss_{name}' for name in (*self.inverter.losses, 'total')]
        columns = (*_COLUMNS, *losses, *_LAST_COLUMNS)
        rows = [outcome.row() for outcome in self.outcomes]
        save_table(self.out_dir / 'summary.csv', rows, columns)
        self.sheet.save(self.out_dir / 'contact_sheet.png')


def _final_losses(result: InversionResult, index: int) -> dict[str, float]:
    """Return the weighted losses of the state that an image ended with."""
    total = result.history['total'][:, index]
    stopped = int(result.stopped_at[index])
    # A stopped image has its best state back; another one the last.
    last = len(total) - 1 if stopped < 0 else int(total[:stopped].argmin()) if stopped else 0
    return {name: float(values[last, index]) for name, values in result.history.items()}


def _figures(metrics: dict[str, Any]) -> tuple[str, ...]:
    psnr, distance = metrics['psnr'], metrics.get('perceptual')
    rest = () if distance is None else (f'perceptual {distance:.4f}',)
    return (f'{psnr:.1f} dB', *rest)
