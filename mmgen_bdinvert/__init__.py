# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""BDInvert for mmgen: invert photos that are shifted, rotated or scaled out of alignment."""

from . import compat

compat.apply()

import mmgen.models  # noqa: E402, F401

from . import datasets, editing, engine, evaluation, models  # noqa: E402, F401
from .version import __version__  # noqa: E402

__all__ = ['__version__']
