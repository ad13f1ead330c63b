# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Measures whole photos: faces found, seams, and edits inside them against prepared squares."""
