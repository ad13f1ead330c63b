# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""How close reconstructions come to their targets."""

from __future__ import annotations

import torch
from mmengine.evaluator import BaseMetric
from mmgen.registry import METRICS, MODULES

from .functional import mse, psnr


@METRICS.register_module()
class ReconstructionMetric(BaseMetric):
    """Mean PSNR, mean squared error and perceptual distance of reconstructions.

    Reads ``target`` and ``reconstruction`` (RGB, (3, H, W), [-1, 1]) of the data samples, and the
    mean of ``base_distance`` where there is one.

    Args:
        perceptual (dict | None): Config of a perceptual loss, reported as ``perceptual``.
            Defaults to None.
        collect_device (str): mmengine's argument. Defaults to 'cpu'.
        prefix (str | None): mmengine's argument. Defaults to None.
    """

    default_prefix = 'reconstruction'

    def __init__(
        self,
        perceptual: dict | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ):
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.perceptual = None if perceptual is None else MODULES.build(perceptual)

    def process(self, data_batch, data_samples) -> None:
        """Measure a batch and keep one small dict for each image."""
        target = torch.stack([s['target'] for s in data_samples]).float()
        output = torch.stack([s['reconstruction'] for s in data_samples]).float()
        rows = {'psnr': psnr(output, target), 'mse': mse(output, target)}
        if self.perceptual is not None:
            self.perceptual.to(target.device)
            with torch.no_grad():
                rows['perceptual'] = self.perceptual(output, self.perceptual.prepare(target))
        if 'base_distance' in data_samples[0]:
            rows['base_distance'] = torch.stack([s['base_distance'] for s in data_samples])
        for values in zip(*(column.tolist() for column in rows.values())):
            self.results.append(dict(zip(rows, values)))

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Average over all images."""
        return {name: sum(r[name] for r in results) / len(results) for name in results[0]}
