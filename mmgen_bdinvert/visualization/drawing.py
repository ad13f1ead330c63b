# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Matplotlib figures that are the same whatever the user's matplotlibrc says."""

from __future__ import annotations

import functools
import io
import os
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import matplotlib

from ..io.outputs import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ['new_figure', 'own_style', 'save_figure']

T = TypeVar('T')


def own_style(draw: Callable[..., T]) -> Callable[..., T]:
    """Let a function draw with matplotlib's defaults: a user's ``text.usetex`` may need LaTeX."""

    @functools.wraps(draw)
    def drawn(*args, **kwargs) -> T:
        # Not `rcdefaults`: that changes the backend of the whole process.
        settings = {k: v for k, v in matplotlib.rcParamsDefault.items() if 'backend' not in k}
        with matplotlib.rc_context():
            with warnings.catch_warnings():
                warnings.simplefilter('ignore', matplotlib.MatplotlibDeprecationWarning)
                matplotlib.rcParams.update(settings)
            return draw(*args, **kwargs)

    return drawn


def new_figure(width: float, height: float, layout: str | None = 'constrained') -> Figure:
    """Return an empty figure of a size in inches; call it inside of :func:`own_style`.

    Without pyplot, which keeps global state, opens windows and is not safe in threads.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120, layout=layout, facecolor='white')
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: str | os.PathLike) -> None:
    """Write a figure, whole or not at all; the suffix gives the format."""
    buffer = io.BytesIO()
    suffix = os.path.splitext(os.fspath(path))[1]
    options = {'pil_kwargs': {'compress_level': 1}} if suffix.lower() in ('', '.png') else {}
    figure.savefig(buffer, format=suffix[1:] or 'png', **options)
    atomic_write(path, lambda temporary: temporary.write_bytes(buffer.getvalue()))
