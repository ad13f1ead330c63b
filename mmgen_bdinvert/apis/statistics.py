# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Latent statistics of the generator in a config."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed
from mmgen.registry import MODULES

from ..engine.config import pivot_of
from ..models import BaseDetailGenerator, LatentStatistics

__all__ = ['Whiteness', 'fit_statistics', 'generator_from_config', 'measure_whiteness']


def generator_from_config(
    config: Config, checkpoint: str | os.PathLike | None = None
) -> BaseDetailGenerator:
    """Build only the generator of a config, on the CPU: no losses, no encoder.

    The config is that of an encoder, an inversion or one of mmgen's GANs, whose own configs name no
    checkpoint. Without one, the random weights are those that the Runner gives it under the same
    seed.

    Raises:
        FileNotFoundError: The checkpoint does not exist.
        TypeError: The generator is of a family that cannot be split.
        ValueError: The config has no generator or names no weights, or they do not fit.
    """
    init_default_scope('mmgen')
    given = pivot_of(config.model).get('generator')
    if not isinstance(given, dict):
        raise ValueError(f'{config.filename} has no model.generator: give the config of a model.')
    kind = MODULES.get(given['type']) if isinstance(given.get('type'), str) else given.get('type')
    given = dict(given)
    if kind is not BaseDetailGenerator:
        if checkpoint is None and not given.get('pretrained'):
            raise ValueError(
                f"{config.filename} holds mmgen's {given.get('type')} and names no weights: give "
                f'its checkpoint, in the tool with --checkpoint.'
            )
        given = dict(type='BaseDetailGenerator', base_size=8, generator=given)
    if checkpoint is not None:
        given['checkpoint'] = os.fspath(checkpoint)
    seed = (config.get('randomness') or {}).get('seed')
    with torch.random.fork_rng(devices=[]):
        if seed is not None:
            set_random_seed(seed)
        return MODULES.build(given)


def fit_statistics(
    generator: BaseDetailGenerator,
    *,
    num_samples: int = 1_000_000,
    seed: int = 0,
    batch_size: int = 4096,
    progress: Callable[[int, int], object] | None = None,
) -> LatentStatistics:
    """Measure the P-norm+ space of a generator on its own device (paper, section 3.4).

    ``num_samples`` of the mapping network are many times the width of a style vector, 1,000,000 in
    the paper; ``batch_size``, 4096 at most, does not change them. The statistics are on the CPU.

    Raises:
        ValueError: A number is out of range.
    """
    return LatentStatistics.fit(
        generator.mapping,
        generator.style_dim,
        generator=torch.Generator().manual_seed(seed),
        num_samples=num_samples,
        batch_size=batch_size,
        fingerprint=generator.fingerprint,
        device=generator.device,
        progress=progress,
    ).cpu()


class Whiteness(NamedTuple):
    """Means and variances of whitened samples: ideally 0 and 1.

    Components whose variance is below the floor of the eigenvalues are only counted.
    """

    largest_mean: float
    smallest_variance: float
    largest_variance: float
    floored: int


def measure_whiteness(
    statistics: LatentStatistics,
    generator: BaseDetailGenerator,
    *,
    num_samples: int = 20_000,
    seed: int = 1,
) -> Whiteness:
    """Whiten samples of a generator that were not fitted, and measure their components."""
    rng = torch.Generator().manual_seed(seed)
    whitened = []
    with torch.no_grad():
        for size in torch.ones(num_samples).split(4096):
            z = torch.randn(len(size), generator.style_dim, generator=rng).to(generator.device)
            whitened.append(statistics.whiten(generator.mapping(z).cpu()))
    v = torch.cat(whitened).double()  # [ND]
    free = statistics.eigenvalues >= statistics.floor * statistics.eigenvalues[0]
    mean, variance = v.mean(0)[free], v.var(0)[free]
    extremes = mean.abs().max().item(), variance.min().item(), variance.max().item()
    return Whiteness(*extremes, int((~free).sum()))
