# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""An output folder as one self-contained HTML page."""

from .page import write_page

__all__ = ['write_page']
