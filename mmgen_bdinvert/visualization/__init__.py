# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Pictures for people: comparisons, contact sheets, image grids, loss curves and measurements."""

from .grid import comparison, contact_sheet, image_grid
from .panels import Column, panels
from .plots import plot_losses

__all__ = [
    'Column',
    'comparison',
    'contact_sheet',
    'image_grid',
    'panels',
    'plot_losses',
]
