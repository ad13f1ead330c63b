# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Loss curves, and curves over the magnitude of a motion."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..io.outputs import atomic_write

if TYPE_CHECKING:
    from ..evaluation import EquivarianceRow

__all__ = ['plot_equivariance', 'plot_losses']

# Okabe and Ito's colours, distinguishable with every common colour vision.
_COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9')
_STYLES = ('-', '--', ':', '-.')
_TOTALS = ('total', 'loss')
_INK, _FAINT, _RULE = '#262626', '#707070', '#e4e4e4'
_AXES = {
    'shift': 'shift, fraction of the side',
    'rotate': 'rotation, degrees',
    'scale': 'scale',
    'shear': 'shear, degrees',
}
_EXACT = 60  # dB at which everything closer is drawn
_TOTAL_LOOK = {'color': _INK, 'linewidth': 2.2, 'zorder': 3}


def plot_losses(
    history: Mapping[str, Sequence[float]], path: str | os.PathLike, title: str = ''
) -> None:
    """Draw the loss terms of an optimisation over its steps, and save the figure.

    The loss axis is logarithmic: a step at which a term is zero, negative or not finite leaves a
    gap in its curve. The legend gives the last value of each term. A term called ``total`` or
    ``loss`` is drawn as the sum of the others: black, and first.

    Args:
        history (Mapping[str, Sequence[float]]): Term to its *weighted* value at each step, so
            that the curves show what each contributes. Lengths may differ.
        path (str | os.PathLike): Picture to write (atomically); its suffix gives the format.
        title (str): Line above the plot, printed as it is. Defaults to ''.

    Raises:
        ValueError: ``history`` has no term or no value.
        OutputError: The file cannot be written.
    """
    curves = {name: np.asarray([float(v) for v in values]) for name, values in history.items()}
    if not any(values.size for values in curves.values()):
        raise ValueError(f'history must hold at least one value, but got {dict(history)!r}')
    # No pyplot: it keeps global state, opens windows and is not safe in threads.
    figure = Figure(figsize=(8, 4.5), dpi=120, layout='constrained', facecolor='white')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    terms = [name for name in curves if name not in _TOTALS]
    for name in sorted(curves, key=lambda name: name in terms):  # totals first
        values = curves[name]
        axes.plot(
            np.arange(values.size),
            np.where(np.isfinite(values) & (values > 0), values, np.nan),
            label=f'{name}  {values[-1]:.3g}' if values.size else name,
            marker='o' if values.size == 1 else None,
            **(_term_look(terms.index(name)) if name in terms else _TOTAL_LOOK),
        )
    _style(axes, title, longest=max(values.size for values in curves.values()))
    atomic_write(path, lambda temporary: figure.savefig(temporary))


def plot_equivariance(
    rows: Sequence[EquivarianceRow], path: str | os.PathLike, title: str = ''
) -> None:
    """Draw the PSNR between moved images and images of moved base codes over the magnitude.

    A panel for each motion, a colour for each base size: solid as the method runs, wide and pale
    without noise, dotted in the interior without noise. Rings mark shifts by whole base cells.
    What is closer than 60 dB is drawn there.

    Args:
        rows (Sequence[EquivarianceRow]): Of one or more base sizes, from
            :func:`mmgen_bdinvert.evaluation.measure_equivariance`.
        path (str | os.PathLike): Picture to write (atomically); its suffix gives the format.
        title (str): Line above the plot, printed as it is. Defaults to ''.

    Raises:
        ValueError: There is no row.
        OutputError: The file cannot be written.
    """
    if not rows:
        raise ValueError('rows must hold at least one measurement, but got none')
    motions = list(dict.fromkeys(row.motion for row in rows))
    sizes = sorted({row.base_size for row in rows})
    figure = Figure(
        figsize=(3.1 * len(motions) + 0.6, 4.2), dpi=120, layout='constrained', facecolor='white'
    )
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(motions), sharey=True, squeeze=False)[0]
    for axes, motion in zip(panels, motions):
        for number, size in enumerate(sizes):
            chosen = [row for row in rows if (row.motion, row.base_size) == (motion, size)]
            _equivariance_curves(axes, chosen, f'{size}×{size}', _COLOURS[number % len(_COLOURS)])
        axes.set_xlabel(_AXES.get(motion, motion), color=_FAINT)
        _bare(axes)
    panels[0].set_ylabel('PSNR in dB', color=_FAINT)
    panels[0].set_ylim(top=_EXACT + 3)
    ticks = np.arange(10, _EXACT + 1, 10)
    panels[0].set_yticks(ticks, [f'≥ {tick}' if tick == _EXACT else str(tick) for tick in ticks])
    if title:
        panels[0].set_title(title, loc='left', color=_INK, fontsize=11, parse_math=False)
    handles, labels = panels[0].get_legend_handles_labels()
    legend = figure.legend(handles, labels, loc='outside lower center', ncols=3, frameon=False)
    for text in legend.get_texts():
        text.set_color(_INK)
    atomic_write(path, lambda temporary: figure.savefig(temporary))


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


def _term_look(number: int) -> dict:
    colour = _COLOURS[number % len(_COLOURS)]
    style = _STYLES[number // len(_COLOURS) % len(_STYLES)]
    return {'color': colour, 'linestyle': style, 'linewidth': 1.5}


def _style(axes: Axes, title: str, longest: int) -> None:
    axes.set_yscale('log')
    axes.set_xlim(*((-1, 1) if longest == 1 else (0, longest - 1)))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel('step', color=_FAINT)
    axes.set_ylabel('weighted loss', color=_FAINT)
    if title:
        # A file name may hold the characters of matplotlib's mathematical notation.
        axes.set_title(title, loc='left', color=_INK, fontsize=11, parse_math=False)
    _bare(axes)
    legend = axes.legend(
        loc='upper left',
        bbox_to_anchor=(1.01, 1),
        frameon=False,
        title='term, last value',
        alignment='left',
    )
    legend.get_title().set_color(_FAINT)
    for text in legend.get_texts():
        text.set_parse_math(False)
        text.set_color(_INK)


def _bare(axes: Axes) -> None:
    """Leave a faint grid, and no frame."""
    axes.grid(color=_RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(which='both', colors=_FAINT, length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
