# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Pictures for people: comparisons, contact sheets, image grids, loss curves and measurements."""

from .grid import comparison, contact_sheet, image_grid
from .plots import plot_equivariance, plot_losses

__all__ = ['comparison', 'contact_sheet', 'image_grid', 'plot_equivariance', 'plot_losses']
