# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A benchmark's tables, in Markdown and CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bdinvert_cli.text import markdown_text

from .plan import Plan
from .runner import DRAWN
from .summary import Cell, Metric

__all__ = ['CSV_COLUMNS', 'Column', 'csv_rows', 'measures', 'method_table']

CSV_COLUMNS = (
    'kind',
    'method',
    'edit',
    'strength',
    'metric',
    'faces',
    'mean',
    'low',
    'high',
    'difference',
    'difference_low',
    'difference_high',
)


def csv_rows(cells: Sequence[Cell]) -> list[dict]:
    """Return one row for each number, for :func:`mmgen_bdinvert.io.tables.save_table`."""
    return [
        {
            'kind': cell.kind,
            'method': cell.method,
            'edit': cell.edit,
            'strength': cell.strength,
            'metric': cell.metric.label,
            'faces': cell.value.count,
            'mean': cell.value.mean,
            'low': cell.value.low,
            'high': cell.value.high,
            'difference': cell.difference.mean,
            'difference_low': cell.difference.low,
            'difference_high': cell.difference.high,
        }
        for cell in cells
    ]


@dataclass(frozen=True)
class Column:
    """A column of a table of methods.

    Args:
        label (str): Its heading.
        cells (dict[str, Cell]): By method.
    """

    label: str
    cells: dict[str, Cell]


def measures(cells: Sequence[Cell], metrics: Sequence[Metric]) -> list[Column]:
    """Return a column for each metric, of the cells of one kind and edit."""
    return [
        Column(metric.label, {c.method: c for c in cells if c.metric.key == metric.key})
        for metric in metrics
    ]


def method_table(plan: Plan, columns: Sequence[Column], field: str = 'value') -> str:
    """Lay out a Markdown table with a row for each method; the best mean of a column is bold.

    Args:
        plan (Plan): The benchmark.
        columns (Sequence[Column]): What is not empty of them is shown.
        field (str): 'value', or 'difference', in which nothing is best. Defaults to 'value'.
    """
    found = [
        (column.label, {m: c for m, c in column.cells.items() if getattr(c, field).count})
        for column in columns
    ]
    found = [(label, cells) for label, cells in found if cells]
    methods = [m for m in (*plan.methods, DRAWN) if any(m in cells for _, cells in found)]
    if not methods:
        return 'Nothing was measured.'
    strengths = _strengths(plan, [c for _, cells in found for c in cells.values()])
    best = [_best(cells) if field == 'value' else None for _, cells in found]
    head = ['method', *(['strength'] if strengths else [])]
    head += [markdown_text(label) for label, _ in found]
    lines = [head, ['---'] * len(head)]
    for method in methods:
        row = [markdown_text(plan.methods.get(method, 'the drawn truth itself'))]
        row += [strengths.get(method, '')] if strengths else []
        for (_, cells), first in zip(found, best):
            text = str(getattr(cells[method], field)) if method in cells else ''
            row.append(f'**{text}**' if method == first else text)
        lines.append(row)
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def _strengths(plan: Plan, cells: Sequence[Cell]) -> dict[str, str]:
    """Return the strength of an edit by method, marked where it is the last that was tried."""
    last = {edit.name: f'{edit.strengths[-1]:g}' for edit in plan.edits if len(edit.strengths) > 1}
    return {
        c.method: c.strength + (' (last)' if c.strength == last.get(c.edit) else '')
        for c in cells
        if c.strength and c.method != DRAWN
    }


def _best(cells: dict[str, Cell]) -> str | None:
    """Return the method with the best mean of a column, of those in which one can be best."""
    means = {m: c.value.mean for m, c in cells.items() if m != DRAWN}
    metric = next(iter(cells.values())).metric
    if not means or metric.key in ('mean v²', 'seconds'):
        return None
    return (max if metric.more_is_better else min)(means, key=means.get)
