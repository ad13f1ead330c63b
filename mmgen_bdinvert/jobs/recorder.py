# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Losses and results of an inversion run in mmengine's visualisation backends."""

from __future__ import annotations

import os
from pathlib import Path

from mmengine.config import Config
from mmengine.visualization import LocalVisBackend
from mmgen.registry import VISBACKENDS, VISUALIZERS
from torch import Tensor

from ..io import claim_folder, claim_outputs, ensure_writable_folder, read_image
from .manifest import MAKER
from .record import ImageOutcome
from .results import CONFIG_FILE

__all__ = ['InversionRecorder']

_EVERY = 5  # steps between two records of the losses, each of which waits for the GPU


class InversionRecorder:
    """Passes losses and results of a run to the ``visualizer`` of its config.

    The backends are mmengine's: ``LocalVisBackend`` (files), ``TensorboardVisBackend``,
    ``WandbVisBackend`` and others. They receive the losses, averaged over each batch, as
    ``loss/<name>`` over the steps of all batches; ``psnr``, ``perceptual`` and ``seconds`` of
    every image over the number of images; and its comparison, if that is a file.

    Use it as a context manager, and give :meth:`on_step` and :meth:`on_image` to
    :func:`mmgen_bdinvert.apis.invert_files`. Every process of a run records what it inverts.

    Args:
        cfg (Config): Config of the run; without ``visualizer`` nothing is recorded.
        out_dir (str | os.PathLike): Folder of the results; the backends write to ``vis_data`` in it
            unless the config says otherwise.
        rank (int): Number of the process. Defaults to 0.

    Raises:
        ImportError: A backend's package is not installed.
        ForeignFileError: A local backend would write over files that the package did not make.
        ValueError: There is no such backend.
    """

    def __init__(self, cfg: Config, out_dir: str | os.PathLike, rank: int = 0) -> None:
        self.out_dir, self._steps, self._images = Path(out_dir), 0, 0
        self._visualizer = None
        if cfg.get('visualizer'):
            for backend in cfg.visualizer.get('vis_backends') or ():
                if VISBACKENDS.get(backend['type']) is None:
                    raise ValueError(
                        f'There is no visualisation backend {backend["type"]!r}: take '
                        'LocalVisBackend, TensorboardVisBackend or another of mmengine.'
                    )
            name = f'inversion_{os.path.abspath(out_dir)}_{rank}'
            folder = self.out_dir / 'vis_data' / str(rank) if rank else self.out_dir
            defaults = dict(type='Visualizer', name=name, save_dir=str(folder))
            self._visualizer = VISUALIZERS.build({**defaults, **cfg.visualizer})
            for backend in self._visualizer._vis_backends.values():
                if isinstance(backend, LocalVisBackend):  # it overwrites and appends to files
                    folder = ensure_writable_folder(backend._save_dir)
                    claim_outputs([folder / CONFIG_FILE, folder / 'scalars.json'], MAKER)
                    claim_folder(folder / 'vis_image', MAKER)
            self._visualizer.add_config(cfg)

    def __enter__(self) -> InversionRecorder:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._visualizer is not None:
            self._visualizer.close()

    def on_step(self, step: int, num_steps: int, losses: dict[str, Tensor], images: Tensor) -> None:
        """Record the weighted losses, averaged over the batch."""
        if self._visualizer is None:
            return
        if step % _EVERY == 0 or step == num_steps:
            values = {f'loss/{name}': float(value.mean()) for name, value in losses.items()}
            self._visualizer.add_scalars(values, step=self._steps + step)
        if step == num_steps:
            self._steps += num_steps + 1

    def on_image(self, outcome: ImageOutcome) -> None:
        """Record the metrics and the comparison of an image."""
        if self._visualizer is None or not outcome.metrics:
            return
        self._images += 1
        values = {k: outcome.metrics.get(k) for k in ('psnr', 'perceptual', 'seconds')}
        known = {name: float(value) for name, value in values.items() if value is not None}
        self._visualizer.add_scalars(known, step=self._images)
        comparison = self.out_dir / outcome.name / 'comparison.png'
        if comparison.is_file():
            self._visualizer.add_image(outcome.name, read_image(comparison), step=self._images)
