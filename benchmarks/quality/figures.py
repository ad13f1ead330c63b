# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A benchmark's pictures: intervals, and faces of all methods beside each other."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import torch

from mmgen_bdinvert.editing import load_direction
from mmgen_bdinvert.io import save_png, tensor_to_image
from mmgen_bdinvert.visualization import contact_sheet
from mmgen_bdinvert.visualization.drawing import new_figure, own_style, save_figure
from mmgen_bdinvert.visualization.lettering import INK
from mmgen_bdinvert.visualization.plots import COLOURS, legend_below

from .plan import Plan
from .runner import DRAWN, Benchmark
from .store import stack
from .summary import ALL_EDITS, MOVED, Cell, metrics_of

__all__ = ['plot_intervals', 'save_sheets']

_COLOURS = INK, *COLOURS
_RULE = '#e4e4e4'


@own_style
def plot_intervals(plan: Plan, cells: Sequence[Cell], path: str | os.PathLike) -> None:
    """Draw means and intervals: a panel for each measure, a line for each method.

    Args:
        plan (Plan): The benchmark.
        cells (Sequence[Cell]): From :func:`summarise`.
        path (str | os.PathLike): Picture to write; its suffix gives the format.

    Raises:
        OutputError: It cannot be written.
    """
    shown = {m.key: m for m in metrics_of(plan) if m.key not in ('mse', 'seconds')}
    edit = ALL_EDITS if any(c.edit == ALL_EDITS for c in cells) else None
    panels = [[c for c in cells if not c.edit and c.metric.key == key] for key in shown]
    edits = {c.edit for c in cells if c.edit}
    edit = edit or (next(iter(edits)) if edits else None)
    panels += [
        [c for c in cells if c.edit == edit and c.metric.key == key] for key in ('gap', 'done')
    ]
    panels = [panel for panel in panels if any(c.method != DRAWN for c in panel)]
    methods = [m for m in (*plan.methods, DRAWN) if any(c.method == m for c in cells)]
    kinds = [k for k in dict.fromkeys(c.kind for c in cells) if k != MOVED]
    columns = min(4, len(panels))
    lines = -(-len(panels) // columns)
    figure = new_figure(3.1 * columns + 1.6, lines * (0.42 * len(methods) + 1.1) + 0.4)
    axes = figure.subplots(lines, columns, squeeze=False, sharey=True)
    for panel, axis in zip(panels, axes.flat):
        _panel(axis, panel, methods, kinds)
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    names = [plan.methods.get(m, 'drawn truth') for m in methods]
    axes[0, 0].set_yticks(range(len(methods)), names)
    axes[0, 0].invert_yaxis()
    legend_below(figure, axes[0, 0], len(kinds))
    save_figure(figure, path)


def _panel(axis, cells: Sequence[Cell], methods: list[str], kinds: list[str]) -> None:
    for number, kind in enumerate(kinds):
        part = {c.method: c.value for c in cells if c.kind == kind}
        places = [methods.index(m) for m in part]
        offset = 0.11 * (number - (len(kinds) - 1) / 2)
        means = np.array([v.mean for v in part.values()])
        errors = np.array([[v.mean - v.low, v.high - v.mean] for v in part.values()]).T
        axis.errorbar(
            means,
            np.array(places) + offset,
            xerr=errors if len(part) else None,
            fmt='o',
            markersize=3.5,
            elinewidth=1.3,
            color=_COLOURS[number % len(_COLOURS)],
            label=kind,
        )
    metric = cells[0].metric
    values = [c.value.mean for c in cells]
    if min(values) > 0 and max(values) > 30 * min(values):
        axis.set_xscale('log')
    axis.set_title(f'{metric.label} {"→" if metric.more_is_better else "←"}', fontsize=9)
    axis.grid(axis='x', color=_RULE, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(length=0, labelsize=8)
    for spine in axis.spines.values():
        spine.set_visible(False)


@torch.no_grad()
def save_sheets(
    benchmark: Benchmark,
    folder: str | os.PathLike,
    methods: Sequence[str],
    strengths: dict[tuple[str, str], str],
    *,
    faces_per_kind: int = 2,
) -> list[str]:
    """Save ``reconstructions.png``, and ``edits.png`` if there are edits: faces × methods.

    Args:
        benchmark (Benchmark): It has run.
        folder (str | os.PathLike): An existing folder.
        methods (Sequence[str]): Columns.
        strengths (dict): From :func:`best_strengths`.
        faces_per_kind (int): The first faces of each kind. Defaults to 2.

    Returns:
        list[str]: Names of the files.

    Raises:
        OutputError: A file cannot be written.
    """
    count = min(faces_per_kind, *map(len, map(benchmark.indices_of, methods)))
    keys = [(kind, i) for kind in benchmark.kinds for i in benchmark.indices[:count]]
    plain = [{'target': tensor_to_image(benchmark.faces.face(*key).image)} for key in keys]
    drawn: dict[tuple[str, str], tuple[int, dict]] = {}  # the first face of each kind and edit
    for number, key in enumerate(keys):
        for name, truth in benchmark.truths(*key).items():
            row = {**plain[number], 'drawn truth': tensor_to_image(truth.image)}
            drawn.setdefault((name, key[0]), (number, row))
    for method in methods:
        label = benchmark.plan.methods[method]
        inverter, store = benchmark.inversions(method)
        stored = [store.load(kind, benchmark.faces.names[index]) for kind, index in keys]
        variables = stack(stored, inverter.generator.device)
        for row, image in zip(plain, inverter.generator.to_rgb(inverter.render(variables))):
            row[label] = tensor_to_image(image)
        for edit in benchmark.plan.edits:
            strength = float(strengths[method, edit.name])
            direction = load_direction(edit.direction)
            changed = inverter.edit(variables, direction, strength, edit.layers)
            images = inverter.generator.to_rgb(inverter.render(changed))
            for (name, _), (number, row) in drawn.items():
                if name == edit.name:
                    row[label] = tensor_to_image(images[number])
    edited = sorted(drawn, key=lambda key: [e.name for e in benchmark.plan.edits].index(key[0]))
    row_names = [f'{benchmark.faces.names[index]}\n{kind}' for kind, index in keys]
    side = plain[0]['target'].shape[0]
    tile = side * -(-96 // side)  # whole multiples show the pixels as they are
    sheet = contact_sheet(plain, row_names, tile=tile)
    save_png(f'{os.fspath(folder)}/reconstructions.png', sheet)
    if not edited:
        return ['reconstructions.png']
    rows, names = [drawn[key][1] for key in edited], ['\n'.join(key) for key in edited]
    save_png(f'{os.fspath(folder)}/edits.png', contact_sheet(rows, names, tile=tile))
    return ['reconstructions.png', 'edits.png']
