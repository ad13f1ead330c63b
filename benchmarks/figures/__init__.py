# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Figures like the paper's."""
