# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Checks of versions: one sentence instead of a traceback from deep inside mmgen."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from packaging.version import Version

from bdinvert_cli.sentences import reason_of

_HEADLESS = 'pip install --force-reinstall --no-deps opencv-python-headless'
_INSTALL = "install the tested set with: pip install 'mmgen_bdinvert[lite]'"


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def check() -> None:
    """Refuse package versions that are known not to work.

    Raises:
        ImportError: The message names the package, the version found and the remedy; also if
            matplotlib cannot read the user's settings, or OpenCV, which mmcv imports, lacks
            libraries of the system.
    """
    mmgen = _installed('mmgen')
    if mmgen is None:
        raise ImportError(f'mmgen 1.0.0rc0 is required but mmgen is not installed; {_INSTALL}.')
    if Version(mmgen).major < 1:
        raise ImportError(
            f'mmgen >= 1.0.0rc0 (the mmengine-based release) is required but mmgen {mmgen} is '
            f'installed; {_INSTALL}.'
        )
    mmcv = _installed('mmcv') or _installed('mmcv-lite')
    if mmcv is None:
        raise ImportError(
            f'mmgen needs mmcv or mmcv-lite 2.0.0 but neither is installed; {_INSTALL}.'
        )
    if Version(mmcv).release != (2, 0, 0):
        raise ImportError(
            f'mmgen {mmgen} accepts mmcv 2.0.0rc1 to 2.0.0 but mmcv {mmcv} is installed; '
            f'{_INSTALL}.'
        )
    mmengine = _installed('mmengine')
    if mmengine is None or Version(mmengine) < Version('0.10'):
        found = 'it is not' if mmengine is None else f'mmengine {mmengine} is'
        raise ImportError(f'mmengine >= 0.10 is required but {found} installed; {_INSTALL}.')
    try:
        import_module('cv2')
    except ImportError as error:
        raise ImportError(
            f'OpenCV cannot be imported ({error}); where it is a library of the system that is '
            f'missing, take its headless build: {_HEADLESS}.'
        ) from error
    try:
        import_module('matplotlib')
    except ImportError:
        raise
    except Exception as error:  # it reads the user's settings while it is imported
        raise ImportError(
            f'matplotlib cannot be imported ({reason_of(error)}): check the file '
            'matplotlibrc and the variable MPLBACKEND.'
        ) from error
