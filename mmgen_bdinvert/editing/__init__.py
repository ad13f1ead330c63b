# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Semantic edits: directions in the style vectors of a detail code."""

from .directions import Direction, load_direction
from .regression import fit_direction

__all__ = ['Direction', 'fit_direction', 'load_direction']
