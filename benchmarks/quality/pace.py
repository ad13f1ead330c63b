# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A benchmark's figure of quality over seconds."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence

from mmgen_bdinvert.visualization.drawing import new_figure, own_style, save_figure
from mmgen_bdinvert.visualization.lettering import INK
from mmgen_bdinvert.visualization.plots import COLOURS, bare_axes, legend_below

from .plan import Plan
from .runner import DRAWN
from .summary import Cell, all_kinds, metrics_of

__all__ = ['plot_pace']

_COLOURS = *COLOURS, INK
_MARKERS = 'osD^vPX*'
_LEAST = 1e-3  # seconds: a logarithm has no zero


@own_style
def plot_pace(plan: Plan, cells: Sequence[Cell], path: str | os.PathLike) -> None:
    """Draw PSNR and the first judge's distance over seconds of a face: a point for each method.

    Args:
        plan (Plan): The benchmark.
        cells (Sequence[Cell]): From :func:`summarise`.
        path (str | os.PathLike): Picture to write; its suffix gives the format.

    Raises:
        OutputError: It cannot be written.
    """
    every = all_kinds(cells)
    wanted = {m.key: m for m in metrics_of(plan) if m.key in ('psnr', next(iter(plan.judges)))}
    table = {
        (c.method, c.metric.key): c.value
        for c in cells
        if c.kind == every and not c.edit and c.method != DRAWN
    }
    seconds = {method: v.mean for (method, key), v in table.items() if key == 'seconds'}
    figure = new_figure(9.6, 4.2)
    axes = figure.subplots(1, len(wanted), squeeze=False)[0]
    for axis, (key, metric) in zip(axes, wanted.items()):
        looks = zip(seconds.items(), itertools.cycle(_MARKERS), itertools.cycle(_COLOURS))
        for (method, spent), marker, colour in looks:
            value = table[method, key]
            errors = [[value.mean - value.low], [value.high - value.mean]]
            label = plan.methods[method]
            place = max(spent, _LEAST), value.mean
            axis.errorbar(*place, yerr=errors, fmt=marker, markersize=5, color=colour, label=label)
        axis.set_xscale('log')
        axis.margins(x=0.15)
        axis.set_xlabel('seconds of a face')
        axis.set_title(f'{metric.label} {"↑" if metric.more_is_better else "↓"}', fontsize=9)
        bare_axes(axis)
        axis.tick_params(which='both', labelsize=7)  # those of a decade lie close
    legend_below(figure, axes[0], 4)
    save_figure(figure, path)
