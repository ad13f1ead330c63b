# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Median, range and histogram of a metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .results import Metric

__all__ = ['figures_of']

_MOST_BARS = 24


def figures_of(metric: Metric, values: Sequence[float]) -> dict[str, Any]:
    """Summarise one or more finite values of a metric, in a histogram of about √n bars.

    Returns:
        dict[str, Any]: Formatted values; ``bars`` with a text, in fractions of the histogram's
        width and height; and ``middle``, the median's place in its width.
    """
    array = np.asarray(values, dtype=float)
    low, high, median = array.min(), array.max(), np.median(array)
    bars = int(np.clip(np.ceil(np.sqrt(len(array))), 1, _MOST_BARS))
    counts, edges = np.histogram(array, bars if high > low else 1)
    places = (edges - edges[0]) / (edges[-1] - edges[0])
    shown = dict(low=low, median=median, mean=array.mean(), high=high)
    return {
        'metric': metric,
        'count': len(array),
        **{name: f'{value:{metric.digits}}' for name, value in shown.items()},
        'middle': (median - edges[0]) / (edges[-1] - edges[0]),
        'bars': [
            dict(
                left=places[i],
                width=places[i + 1] - places[i],
                height=count / counts.max(),
                says=f'{edges[i]:{metric.digits}} to {edges[i + 1]:{metric.digits}}: {count}',
            )
            for i, count in enumerate(counts)
        ],
    }
