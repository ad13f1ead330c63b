# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from .reconstruction_grid_hook import ReconstructionGridHook

__all__ = ['ReconstructionGridHook']
