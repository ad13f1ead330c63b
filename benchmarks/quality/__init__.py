# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Inversion methods compared with each other, and with drawn truth."""

__all__ = ['KINDS']

KINDS = ('aligned', 'shifted', 'rotated', 'scaled', 'combined')  # of projects.toon_faces.MOVES
