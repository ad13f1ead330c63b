# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What many numbers have in common: median, range and histogram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .results import Metric

__all__ = ['Bar', 'Figures', 'figures_of']

_MOST_BARS = 24


@dataclass(frozen=True)
class Bar:
    """A bar of a histogram, as fractions of its width and height.

    Args:
        left, width, height (float): In [0, 1].
        count (int): How many values.
        says (str): The same in words.
    """

    left: float
    width: float
    height: float
    count: int
    says: str


@dataclass(frozen=True)
class Figures:
    """The values of one metric.

    Args:
        metric (Metric): The metric.
        count (int): How many values.
        median, mean, low, high (str): Written with the digits of the metric.
        middle (float): Where the median stands between low and high, in [0, 1].
        bars (list[Bar]): The histogram, from low to high.
    """

    metric: Metric
    count: int
    median: str
    mean: str
    low: str
    high: str
    middle: float
    bars: list[Bar]


def figures_of(metric: Metric, values: Sequence[float]) -> Figures:
    """Summarise the values of a metric."""
    array = np.asarray(values, dtype=float)
    low, high, median = array.min(), array.max(), float(np.median(array))
    bars = int(np.clip(np.ceil(np.sqrt(len(array))), 1, _MOST_BARS))
    counts, edges = np.histogram(array, bars if high > low else 1)
    span = edges[-1] - edges[0]
    shown = [
        Bar(
            left=float((edges[i] - edges[0]) / span),
            width=float((edges[i + 1] - edges[i]) / span),
            height=float(count / counts.max()),
            count=int(count),
            says=f'{edges[i]:{metric.digits}} to {edges[i + 1]:{metric.digits}}: {count}',
        )
        for i, count in enumerate(counts)
    ]
    return Figures(
        metric,
        len(array),
        median=f'{median:{metric.digits}}',
        mean=f'{array.mean():{metric.digits}}',
        low=f'{low:{metric.digits}}',
        high=f'{high:{metric.digits}}',
        middle=float((median - edges[0]) / span),
        bars=shown,
    )
