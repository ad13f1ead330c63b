# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""How well moving a base code moves the image."""

import mmgen_bdinvert  # noqa: F401  (first: it makes mmgen importable)

from .measure import MAGNITUDES, EquivarianceRow, measure_equivariance
from .plot import plot_equivariance
from .report import equivariance_markdown, write_equivariance

__all__ = [
    'EquivarianceRow',
    'MAGNITUDES',
    'equivariance_markdown',
    'measure_equivariance',
    'plot_equivariance',
    'write_equivariance',
]
