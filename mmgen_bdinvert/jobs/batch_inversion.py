# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The images of a job, batch by batch: read, inverted, measured, saved and recorded."""

from __future__ import annotations

import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor

from ..evaluation.functional import mse, psnr_of
from ..io import (
    ImageReadError,
    OutputError,
    StorageError,
    claim_outputs,
    ensure_writable_folder,
    image_to_tensor,
)
from ..io.outputs import temporary_name
from ..io.stamps import FileStamp, source_stamp
from ..models.inverters.base_inverter import OptimizationInverter, StepCallback
from ..models.verdict import verdicts_of
from ..photos.in_photo import InPhoto, Target, faces_of, photo_of, read_target, stacked_masks
from ..photos.recent import Decoder
from ..structures import InversionResult
from .batch_size import is_out_of_memory
from .in_order import in_order
from .manifest import MAKER, Manifest
from .packed import ShardWriter
from .record import ImageOutcome
from .remaining import Job
from .results import RESULT_FILES, Sheet
from .writing import Task, Written, failed, write_image

__all__ = ['BatchInversion']

_THREADS = 4


@dataclass(frozen=True)
class _Read:
    """A source as it was read: a picture RGB uint8 (H, W, 3), or why there is none."""

    source: Target
    name: str
    stamp: FileStamp | None
    rgb: np.ndarray | None = None
    mask: np.ndarray | None = None
    fault: str = ''


Batch = Sequence[_Read]
Record = tuple[ImageOutcome, Mapping[str, Any]]  # and where the result is


class BatchInversion:
    """Inverts the images that one process takes from the queue.

    Every image gets a line in the manifest once its files are written. ``check`` is called before
    every image and step, and may raise. Without steps, images are read and results written in
    threads beside the network, which would wait for them otherwise.
    """

    def __init__(
        self,
        inverter: OptimizationInverter,
        out_dir: str | os.PathLike,
        fit: str,
        manifest: Manifest,
        packed: bool,
        on_step: StepCallback | None,
        on_image: Callable[[ImageOutcome], object],
        check: Callable[[], object],
    ) -> None:
        self.inverter, self.out_dir, self.fit = inverter, Path(out_dir), fit
        self.manifest, self.check = manifest, check
        self.on_step, self.on_image = on_step, on_image
        self.shards = ShardWriter(out_dir, manifest.rank) if packed else None
        self._work = self.out_dir / temporary_name()  # for files that go into a shard
        self.sheet, self.count = Sheet(), 0
        self._stamps: dict[str, FileStamp | None] = {}  # of the sources of a batch, by name
        self._overlaps = not inverter.num_steps
        self._pool = ThreadPoolExecutor(_THREADS)
        self._writing: deque[Future[Written]] = deque()

    def batches(self, jobs: Iterable[Job], size: int, decoded: Decoder) -> Iterator[Batch]:
        """Read images into batches of ``size``; those that cannot be read or saved fail at once.

        Photos with windows are read by ``decoded``.
        """
        batch: list[_Read] = []
        work, ahead = partial(self._read, decoded=decoded), 2 * size if self._overlaps else 0
        for read in in_order(work, jobs, self._pool, ahead):
            self.check()
            self._stamps[read.name] = read.stamp
            if read.rgb is None:
                self._record([(failed(read.name, read.source, read.fault), {})])
                continue
            batch.append(read)
            if len(batch) == size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _read(self, job: Job, decoded: Decoder) -> _Read:
        source, name = job
        stamp = source_stamp(photo_of(source))  # before it is read: it may change later
        try:
            side = self.inverter.generator.resolution
            rgb, mask = read_target(source, side, self.fit, decoded)
            if self.shards is None:
                folder = ensure_writable_folder(self.out_dir / name)
                claim_outputs([folder / file for file in RESULT_FILES], MAKER)
        except StorageError:
            raise
        except (ImageReadError, OutputError) as error:
            return _Read(source, name, stamp, fault=str(error))
        return _Read(source, name, stamp, rgb, mask)

    def invert_fitting(self, batch: Batch) -> None:
        """Invert one batch; in halves if memory does not suffice."""
        try:
            return self._invert(batch)
        except (RuntimeError, MemoryError) as error:
            if len(batch) == 1 or not is_out_of_memory(error):
                raise
        half = len(batch) // 2  # outside the handler, whose error keeps memory in use
        print_log(f'Memory does not suffice for {len(batch)} images at a time.', 'current')
        for part in (batch[:half], batch[half:]):
            self.invert_fitting(part)

    def _invert(self, batch: Batch) -> None:
        generator, starts = self.inverter.generator, []

        def on_step(step: int, num_steps: int, losses: dict[str, Tensor], images: Tensor) -> None:
            self.check()
            if step == 0:
                starts.append(generator.to_rgb(images).cpu())
            if self.on_step is not None:
                self.on_step(step, num_steps, losses, images)

        rgb = torch.cat([image_to_tensor(read.rgb) for read in batch]).to(generator.device)
        began = time.perf_counter()
        mask = stacked_masks([read.mask for read in batch], rgb, absent=1.0)
        masked = {}
        if mask is not None:
            masked = {'mask': mask}
            rgb = generator.to_rgb(self.inverter.fill_hidden(generator.to_rgb(rgb), mask))
        result = self.inverter.invert(generator.to_rgb(rgb), on_step, **masked)
        output = generator.to_rgb(result.reconstruction)
        seen = output if mask is None else torch.lerp(rgb, output, mask)
        faces = faces_of([read.source for read in batch], rgb)
        verdicts = verdicts_of(self.inverter, rgb, seen, result.code, faces)
        rows = self._measure(rgb, seen, result, mask)
        seconds = round((time.perf_counter() - began) / len(batch), 3)
        codes, output = result.code.to('cpu'), output.cpu()
        for i, read in enumerate(batch):
            verdict = {} if verdicts is None else {'verdict': verdicts[i]}
            metrics = {**rows[i], **verdict, 'seconds': seconds, 'fit': self.fit}
            if isinstance(read.source, InPhoto):
                metrics.update(read.source.facts())
            images = {'target': read.rgb, 'start': starts[0][i], 'reconstruction': output[i]}
            history = {k: v[:, i].tolist() for k, v in result.history.items()}
            on_sheet = not self.sheet.is_full
            task = Task(read.source, read.name, codes[i], images, history, metrics, on_sheet)
            folder = self.out_dir if self.shards is None else self._work
            packed = self.shards is not None
            self._writing.append(self._pool.submit(write_image, task, folder / read.name, packed))
        self._record_written(2 * len(batch) if self._overlaps else 0)

    def _record_written(self, left: int) -> None:
        """Record results as they are written, until at most ``left`` are not."""
        while self._writing and (len(self._writing) > left or self._writing[0].done()):
            wait([self._writing[0]])
            records = []
            try:
                while self._writing and self._writing[0].done():
                    records.append(self._placed(self._writing.popleft().result()))
            finally:
                self._record(records)

    def _placed(self, written: Written) -> Record:
        """Put a result into a shard, if it goes there, and on the sheet; what is recorded of it."""
        outcome, place = written.outcome, written.place
        if written.files:
            try:
                place = self.shards.add(outcome.name, written.files)
            except StorageError:
                raise
            except OutputError as error:
                outcome = failed(outcome.name, outcome.source, str(error))
        if outcome.status != 'failed':
            self.sheet.add(written.title, written.pictures)
        return outcome, place

    def _measure(
        self, target: Tensor, output: Tensor, result: InversionResult, mask: Tensor | None
    ) -> list[dict]:
        error = mse(output, target)
        if mask is not None:  # what it hides is that of the target
            error = error / mask.square().mean((1, 2, 3)).cpu()
        columns = {'psnr': psnr_of(error), 'mse': error}
        if 'perceptual' in self.inverter.losses:
            distance = self.inverter.losses['perceptual']
            if not self.inverter.num_steps and mask is None and distance.loss_weight:
                columns['perceptual'] = result.history['perceptual'][-1] / distance.loss_weight
            else:
                with torch.no_grad():
                    columns['perceptual'] = distance(output, distance.prepare(target))
        rows: list[dict[str, Any]] = [
            {name: float(v[i]) for name, v in columns.items()} for i in range(len(target))
        ]
        for i, row in enumerate(rows):
            stopped = int(result.stopped_at[i])
            row['steps'] = self.inverter.num_steps if stopped < 0 else stopped
            row['stopped_at'] = None if stopped < 0 else stopped
            row['setbacks'] = int(result.setbacks[i])
            row['losses'] = {k: float(v[-1, i]) for k, v in result.history.items()}
        return rows

    def _record(self, records: Sequence[Record]) -> None:
        rows = []
        for outcome, place in records:
            stamp = self._stamps.pop(outcome.name)
            rows.append({**outcome.record(), 'source_stamp': stamp and stamp.json(), **place})
        self.manifest.add_all('image', rows)
        for outcome, _ in records:
            self.count += 1
            self.on_image(outcome)

    def close(self) -> None:
        """Record what is still being written, and remove the folder for files of shards."""
        try:
            self._record_written(0)
        finally:
            self._pool.shutdown(cancel_futures=True)
            shutil.rmtree(self._work, ignore_errors=True)
