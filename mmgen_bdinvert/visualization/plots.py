# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Loss curves."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .drawing import new_figure, own_style, save_figure
from .lettering import FAINT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

__all__ = ['COLOURS', 'bare_axes', 'legend_below', 'plot_losses']

# Okabe and Ito's colours, distinguishable with every common colour vision.
COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9')
_STYLES = ('-', '--', ':', '-.')
_TOTALS = ('total', 'loss')
_RULE = '#e4e4e4'
_WIDTH, _HEIGHT, _LETTER = 8.0, 4.5, 0.09  # inches: of the figure, of a letter in the legend
_TOTAL_LOOK = {'color': INK, 'linewidth': 2.2, 'zorder': 3}


@own_style
def plot_losses(
    history: Mapping[str, Sequence[float]], path: str | os.PathLike, title: str = ''
) -> None:
    """Plot the loss terms of an optimisation over its steps.

    The loss axis is logarithmic: where a term is zero, negative or not finite its curve has a gap.
    The legend gives the last value of each term. A term called ``total`` or ``loss`` is drawn as
    the sum of the others: black, and first.

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
    figure = new_figure(_WIDTH, _HEIGHT, layout=None)
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
    # Half the time of a plot goes into a layout that matplotlib finds by itself.
    longest = max(len(text.get_text()) for text in axes.get_legend().texts)
    legend = min(max(0.4 + _LETTER * longest, 1.6), 5.5) / _WIDTH
    figure.subplots_adjust(
        left=0.75 / _WIDTH, right=1 - legend, bottom=0.55 / _HEIGHT, top=1 - 0.35 / _HEIGHT
    )
    save_figure(figure, path)


def _term_look(number: int) -> dict:
    colour = COLOURS[number % len(COLOURS)]
    style = _STYLES[number // len(COLOURS) % len(_STYLES)]
    return {'color': colour, 'linestyle': style, 'linewidth': 1.5}


def _style(axes: Axes, title: str, longest: int) -> None:
    from matplotlib.ticker import (
        FuncFormatter,
        LogLocator,
        MaxNLocator,
        NullLocator,
    )  # slow to import

    axes.set_yscale('log')
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1,) if high > 1000 * low else (1, 2, 5)))
    # Powers of ten set as formulas, and ticks between them, take most of a plot's time.
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f'{value:g}'))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xlim(*((-1, 1) if longest == 1 else (0, longest - 1)))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel('step', color=FAINT)
    axes.set_ylabel('weighted loss', color=FAINT)
    if title:
        # A file name may hold the characters of matplotlib's mathematical notation.
        axes.set_title(title, loc='left', color=INK, fontsize=11, parse_math=False)
    bare_axes(axes)
    legend = axes.legend(
        title='term, last value',
        frameon=False,
        loc='upper left',
        bbox_to_anchor=(1.01, 1),
        alignment='left',
    )
    legend.get_title().set_color(FAINT)
    for text in legend.get_texts():
        text.set_parse_math(False)
        text.set_color(INK)


def legend_below(figure: Figure, axes: Axes, columns: int) -> Legend:
    """Put one legend below all axes, with the names of one of them as they are."""
    handles, labels = axes.get_legend_handles_labels()
    legend = figure.legend(
        handles, labels, loc='outside lower center', ncols=columns, frameon=False
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    return legend


def bare_axes(axes: Axes) -> None:
    """Leave a faint grid, and no frame."""
    axes.grid(color=_RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(which='both', colors=FAINT, length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
