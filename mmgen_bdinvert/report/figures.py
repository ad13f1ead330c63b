# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Median, range and histogram of a metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .results import Metric

__all__ = ['Bar', 'Figures', 'figures_of']

_MOST_BARS = 24


@dataclass(frozen=True)
class Bar:
    """A bar of a histogram, in fractions of its width and height, with a count and a text."""

    left: float
    width: float
    height: float
    count: int
    says: str


@dataclass(frozen=True)
class Figures:
    """The values of one metric, formatted; ``middle`` is the median's place in the histogram."""

    metric: Metric
    count: int
    median: str
    mean: str
    low: str
    high: str
    middle: float
    bars: list[Bar]


def figures_of(metric: Metric, values: Sequence[float]) -> Figures:
    """Summarise one or more finite values of a metric, in a histogram of about √n bars."""
    array = np.asarray(values, dtype=float)
    low, high, median = array.min(), array.max(), float(np.median(array))
    bars = int(np.clip(np.ceil(np.sqrt(len(array))), 1, _MOST_BARS))
    counts, edges = np.histogram(array, bars if high > low else 1)
    places = (edges - edges[0]) / (edges[-1] - edges[0])
    middle = float((median - edges[0]) / (edges[-1] - edges[0]))
    shown = [
        Bar(
            left=float(places[i]),
            width=float(places[i + 1] - places[i]),
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
        middle=middle,
        bars=shown,
    )
