# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from .hooks import ReconstructionGridHook

__all__ = ['ReconstructionGridHook']
