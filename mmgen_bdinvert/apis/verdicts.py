# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What verdicts compare with: inversions of a generator's own samples."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from mmengine.config import Config
from torch import Tensor

from ..engine.config import pivot_of
from ..models import LatentStatistics
from ..models.inverters.base_inverter import OptimizationInverter
from ..models.verdict import signs_of
from .inference import init_inverter

__all__ = ['measure_yardstick', 'with_yardstick']


def measure_yardstick(
    inverter: OptimizationInverter,
    num_samples: int = 64,
    *,
    seed: int = 0,
    batch_size: int = 8,
    progress: Callable[[int, int], object] | None = None,
) -> Tensor:
    """Invert samples of the generator, and measure what verdicts go by.

    Returns:
        Tensor: Shape (num_samples, 3), for ``LatentStatistics.yardsticks``.

    Raises:
        ValueError: The inverter lacks encoder, statistics or a perceptual loss.
    """
    rng, generator, rows = torch.Generator().manual_seed(seed), inverter.generator, []
    for start in range(0, num_samples, batch_size):
        z = torch.randn(min(batch_size, num_samples - start), generator.style_dim, generator=rng)
        with torch.no_grad():
            w = generator.mapping(z.to(generator.device))
            images = generator.synthesis(generator.to_w_plus(w))
        result = inverter.invert(images)
        output = generator.to_rgb(result.reconstruction)
        signs = signs_of(inverter, generator.to_rgb(images), output, result.code)
        if signs is None:
            raise ValueError(
                'verdicts need an inversion with encoder, statistics and a loss called perceptual, '
                f'but got a {type(inverter).__name__} without one of them'
            )
        rows.append(signs)
        if progress is not None:
            progress(start + len(images), num_samples)
    return torch.cat(rows)


def with_yardstick(
    statistics: LatentStatistics,
    config: Config,
    *,
    num_samples: int = 64,
    seed: int = 0,
    earlier: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> LatentStatistics:
    """Add to statistics what verdicts on the inversions of a config compare with.

    Of pivotal tuning, the pivot counts. What a file of ``earlier`` statistics has for other base
    sizes is kept, if it is there. For the other arguments see :func:`measure_yardstick`.

    Returns:
        LatentStatistics: The same, on the CPU.

    Raises:
        FileNotFoundError, ValueError: As :func:`mmgen_bdinvert.apis.init_inverter` and
            :func:`measure_yardstick`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'statistics.safetensors')
        statistics.save(path)
        model = dict(
            pivot_of(config.model), statistics=dict(type='LatentStatistics', path=str(path))
        )
        settings = {**config.to_dict(), 'model': model}
        inverter = init_inverter(Config(settings, filename=config.filename), device=device)
    kept: dict[int, Tensor] = {}
    if earlier is not None and Path(earlier).is_file():
        old = LatentStatistics(earlier)
        kept = old.yardsticks if old.fingerprint == statistics.fingerprint else {}
    found = measure_yardstick(inverter, num_samples, seed=seed, progress=progress)
    statistics.yardsticks = {**kept, inverter.generator.base_size: found}
    return statistics
