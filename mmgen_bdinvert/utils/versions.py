# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The versions that results were made with."""

from __future__ import annotations

import platform

import mmcv
import mmengine
import mmgen
import numpy as np
import torch

from ..version import __version__

__all__ = ['versions_here']


def versions_here() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide about results, by name."""
    return {
        'mmgen_bdinvert': __version__,
        'python': platform.python_version(),
        'torch': str(torch.__version__),
        'mmgen': mmgen.__version__,
        'mmengine': mmengine.__version__,
        'mmcv': mmcv.__version__,
        'numpy': np.__version__,
    }
