# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""BDInvert for mmgen: invert photos that are shifted, rotated or scaled out of alignment.

The import makes mmgen importable and its registries find the classes of this package; the rest is
imported when it is asked for.
"""

from __future__ import annotations

import importlib.util
from types import ModuleType

from . import compat
from .version import __version__

__all__ = ['__version__']

compat.apply()


def __getattr__(name: str) -> ModuleType:
    """Import a subpackage when it is first asked for."""
    module = f'{__name__}.{name}'
    if name.startswith('_') or importlib.util.find_spec(module) is None:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return importlib.import_module(module)
