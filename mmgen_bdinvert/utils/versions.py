# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Versions of the packages that results were made with."""

from __future__ import annotations

import platform

import mmcv
import mmengine
import mmgen
import numpy as np
import torch

from ..version import __version__


def versions_here() -> dict[str, str]:
    """Return the versions of Python and of the packages that affect results, by name."""
    packages = (torch, mmgen, mmengine, mmcv, np)
    versions = {package.__name__: str(package.__version__) for package in packages}
    return {'mmgen_bdinvert': __version__, 'python': platform.python_version(), **versions}
