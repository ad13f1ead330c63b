# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Curves of equivariance over the magnitude of a motion."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from mmgen_bdinvert.visualization.drawing import new_figure, own_style, save_figure
from mmgen_bdinvert.visualization.lettering import FAINT, INK
from mmgen_bdinvert.visualization.plots import COLOURS, bare_axes, legend_below

from .measure import EquivarianceRow

__all__ = ['plot_equivariance']

_AXES = {
    'shift': 'shift, fraction of the side',
    'rotate': 'rotation, degrees',
    'scale': 'scale',
    'shear': 'shear, degrees',
}
_EXACT = 60  # dB at which everything closer is drawn


@own_style
def plot_equivariance(
    rows: Sequence[EquivarianceRow], path: str | os.PathLike, title: str = ''
) -> None:
    """Draw the PSNR between moved images and images of moved base codes over the magnitude.

    A panel for each motion, a colour for each base size: solid as the method runs, wide and pale
    without noise, dotted in the interior without noise. Rings mark shifts by whole base cells.
    Values above 60 dB are drawn at 60.

    Args:
        rows (Sequence[EquivarianceRow]): Of one or more base sizes, from
            :func:`benchmarks.equivariance.measure_equivariance`.
        path (str | os.PathLike): Picture to write (atomically); its suffix gives the format.
        title (str): Line above the plot. Defaults to ''.

    Raises:
        ValueError: There is no row.
        OutputError: The file cannot be written.
    """
    if not rows:
        raise ValueError('rows must hold at least one measurement, but got none')
    motions = list(dict.fromkeys(row.motion for row in rows))
    sizes = sorted({row.base_size for row in rows})
    figure = new_figure(3.1 * len(motions) + 0.6, 4.2)
    panels = figure.subplots(1, len(motions), sharey=True, squeeze=False)[0]
    for axes, motion in zip(panels, motions):
        for number, size in enumerate(sizes):
            chosen = [row for row in rows if (row.motion, row.base_size) == (motion, size)]
            _equivariance_curves(axes, chosen, f'{size}×{size}', COLOURS[number % len(COLOURS)])
        axes.set_xlabel(_AXES.get(motion, motion), color=FAINT)
        bare_axes(axes)
    panels[0].set_ylabel('PSNR in dB', color=FAINT)
    panels[0].set_ylim(top=_EXACT + 3)
    ticks = np.arange(10, _EXACT + 1, 10)
    panels[0].set_yticks(ticks, [f'≥ {tick}' if tick == _EXACT else str(tick) for tick in ticks])
    if title:
        panels[0].set_title(title, loc='left', color=INK, fontsize=11, parse_math=False)
    for text in legend_below(figure, panels[0], 3).get_texts():
        text.set_color(INK)
    save_figure(figure, path)


def _equivariance_curves(
    axes: Axes, rows: Sequence[EquivarianceRow], size: str, colour: str
) -> None:
    """Draw the three curves of one motion and base size."""
    fixed = sorted((r for r in rows if r.noise == 'fixed'), key=lambda r: r.magnitude)
    quiet = sorted((r for r in rows if r.noise == 'off'), key=lambda r: r.magnitude)
    curves = {
        size: ([r.psnr for r in fixed], dict(linewidth=1.5)),
        f'{size}, no noise': ([r.psnr for r in quiet], dict(linewidth=6, alpha=0.25)),
        f'{size}, no noise, interior': (
            [r.interior_psnr for r in quiet],
            dict(linewidth=1.5, linestyle=':'),
        ),
    }
    at = np.array([r.magnitude for r in fixed], float)
    whole = np.array([r.cells is not None and float(r.cells).is_integer() for r in fixed], bool)
    gap = np.searchsorted(at, 1.0) if rows and rows[0].motion == 'scale' else 0
    for label, (values, look) in curves.items():
        shown = np.minimum(values, _EXACT)
        if np.isnan(shown).all():
            continue
        # A scale of 1 is no motion: the curves of shrinking and enlarging do not meet there.
        axes.plot(
            np.insert(at, gap, np.nan),
            np.insert(shown, gap, np.nan),
            label=label,
            color=colour,
            marker='o',
            markersize=2.5,
            **look,
        )
        axes.plot(at[whole], shown[whole], 'o', markersize=8, fillstyle='none', color=colour)
