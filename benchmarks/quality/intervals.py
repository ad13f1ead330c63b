# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Means of faces with bootstrap confidence intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import bootstrap

__all__ = ['Interval', 'mean_interval', 'paired_interval']

RESAMPLES = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean, its percentile interval, and the number of faces."""

    mean: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        return f'{_short(self.mean)} [{_short(self.low)}, {_short(self.high)}]'


def mean_interval(values, *, seed: int = 0) -> Interval:
    """Bootstrap the mean over faces: percentile interval of 95 %, 2,000 resamples.

    Args:
        values (Sequence[float]): One value for each face; NaN is left out.
        seed (int): Seed of the resampling. Defaults to 0.

    Returns:
        Interval: All NaN if no value is left; a single value is its own interval.
    """
    values = np.asarray(values, dtype=float)
    values = values[~np.isnan(values)]
    if not values.size:
        return Interval(np.nan, np.nan, np.nan, 0)
    if np.ptp(values) == 0:  # all resamples are alike; scipy needs two values
        value = float(values[0])
        return Interval(value, value, value, len(values))
    found = bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method='percentile',
        random_state=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(float(values.mean()), float(found.low), float(found.high), len(values))


def paired_interval(values, reference, *, seed: int = 0) -> Interval:
    """Bootstrap the mean difference of paired values, ``values - reference``.

    Args:
        values (Sequence[float]): One value for each face.
        reference (Sequence[float]): Values of the same faces.
        seed (int): Seed of the resampling. Defaults to 0.

    Returns:
        Interval: Over the faces that have both.

    Raises:
        ValueError: The lengths differ.
    """
    values, reference = np.asarray(values, dtype=float), np.asarray(reference, dtype=float)
    if values.shape != reference.shape:
        raise ValueError(
            f'Paired values belong to the same faces, but got {values.shape} and {reference.shape}.'
        )
    return mean_interval(values - reference, seed=seed)


def _short(value: float) -> str:
    return f'{value:.2f}' if abs(value) >= 10 else f'{value:.3f}'
