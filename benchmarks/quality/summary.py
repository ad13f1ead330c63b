# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Means of rows with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .intervals import Interval, mean_interval, paired_interval
from .plan import Plan
from .runner import DRAWN, Rows

__all__ = [
    'ALL_EDITS',
    'EDIT_METRICS',
    'MOVED',
    'Cell',
    'Metric',
    'all_kinds',
    'best_strengths',
    'metrics_of',
    'moved_kinds',
    'shared_edit',
    'summarise',
]

MOVED = 'all moved'
ALL_EDITS = 'all edits'


@dataclass(frozen=True)
class Metric:
    """A column: its key in a row, how it is shown, and whether more is better."""

    key: str
    label: str
    more_is_better: bool


EDIT_METRICS = (
    Metric('gap', 'gap left', False),
    Metric('done', 'edit seen', True),
    Metric('kept', 'rest kept', True),
    Metric('outside', 'RMSE outside', False),
)


@dataclass(frozen=True)
class Cell:
    """One number of a report.

    Args:
        kind (str): Kind of motion, or ``'all moved'``: each face's mean over the moved kinds.
        method (str): Method.
        edit (str): Name of the edit, ``'all edits'``, or '' for reconstruction.
        metric (Metric): What it is.
        strength (str): Strength of the edit, or ''.
        value (Interval): Over the faces.
        difference (Interval): Of the same faces, to the reference method.
    """

    kind: str
    method: str
    edit: str
    metric: Metric
    strength: str
    value: Interval
    difference: Interval


def metrics_of(plan: Plan) -> tuple[Metric, ...]:
    """Return the columns of reconstruction; the perceptual ones are the plan's judges."""
    return (
        Metric('psnr', 'PSNR (dB)', True),
        Metric('ssim', 'SSIM', True),
        Metric('mse', 'MSE', False),
        *(Metric(name, name, False) for name in plan.judges),
        Metric('straightened', 'PSNR straightened (dB)', True),
        Metric('attributes', 'attributes kept', True),
        *(Metric(f'{name} read', f'{name} as drawn', True) for name in plan.read),
        Metric('mean v²', 'mean v²', False),
        Metric('seconds', 'seconds', False),
    )


def moved_kinds(cells: Sequence[Cell]) -> list[str]:
    """Return the single kinds of motion among cells, in their order."""
    return [k for k in dict.fromkeys(c.kind for c in cells) if k not in ('aligned', MOVED)]


def all_kinds(cells: Sequence[Cell]) -> str:
    """Return the kind that stands for all motions: ``'all moved'``, or the first there is."""
    kinds = dict.fromkeys(c.kind for c in cells)
    return MOVED if MOVED in kinds else next(iter([*moved_kinds(cells), *kinds]))


def shared_edit(cells: Sequence[Cell]) -> str:
    """Return the edit that stands for all: ``'all edits'``, the only one, or '' without any."""
    edits = dict.fromkeys(c.edit for c in cells if c.edit)
    return ALL_EDITS if ALL_EDITS in edits else next(iter(edits), '')


def summarise(plan: Plan, rows: Rows) -> list[Cell]:
    """Summarise all rows.

    Args:
        plan (Plan): The benchmark.
        rows (dict): What :meth:`Benchmark.run` returned.

    Returns:
        list[Cell]: Reconstruction and edits, by kind and over all moved kinds. A face counts once:
        its mean over the kinds, and over the edits, is taken first.
    """
    strengths = best_strengths(plan, rows)
    kinds = {kind: [kind] for kind in next(iter(rows.values()))}
    moved = [kind for kind in kinds if kind != 'aligned']
    if len(moved) > 1:
        kinds[MOVED] = moved
    cells: list[Cell] = []
    edits = [edit.name for edit in plan.edits]
    for name, members in kinds.items():
        for metric in metrics_of(plan):
            table = {m: _mean(_plain(rows[m], k, metric.key) for k in members) for m in rows}
            cells += _cells(name, '', metric, table, plan.reference, {})
        for edit in (*edits, *([ALL_EDITS] if len(edits) > 1 else [])):
            chosen = edits if edit == ALL_EDITS else [edit]
            for metric in EDIT_METRICS:
                table = {
                    m: _mean(
                        _edited(rows[m], k, e, strengths[m, e], metric.key)
                        for k in members
                        for e in chosen
                    )
                    for m in rows
                }
                shown = {m: '' if edit == ALL_EDITS else strengths[m, edit] for m in rows}
                cells += _cells(name, edit, metric, table, plan.reference, shown)
    return cells


def best_strengths(plan: Plan, rows: Rows) -> dict[tuple[str, str], str]:
    """Choose, for each method and edit, the strength with the smallest mean gap over everything."""
    best = {}
    for method, by_kind in rows.items():
        for edit in plan.edits:
            gaps = {}
            for strength in (f'{s:g}' for s in edit.strengths):
                parts = [_edited(by_kind, k, edit.name, strength, 'gap') for k in by_kind]
                values = np.concatenate(parts)
                values = values[~np.isnan(values)]
                gaps[strength] = values.mean() if values.size else np.inf
            best[method, edit.name] = min(gaps, key=gaps.get)
    return best


def _cells(kind, edit, metric, table, reference, strengths) -> Iterable[Cell]:
    own = table.get(reference)
    for method, values in table.items():
        if np.isnan(values).all():
            continue
        difference = Interval(np.nan, np.nan, np.nan, 0)
        if own is not None and method not in (reference, DRAWN):
            difference = paired_interval(values, own)
        strength = strengths.get(method, '')
        yield Cell(kind, method, edit, metric, strength, mean_interval(values), difference)


def _plain(by_kind: dict[str, list[dict]], kind: str, key: str) -> np.ndarray:
    return np.array([row.get(key, np.nan) for row in by_kind[kind]], dtype=float)


def _edited(by_kind, kind: str, edit: str, strength: str, key: str) -> np.ndarray:
    found = [row['edits'].get(edit, {}).get(strength, {}) for row in by_kind[kind]]
    return np.array([values.get(key, np.nan) for values in found], dtype=float)


def _mean(columns: Iterable[np.ndarray]) -> np.ndarray:
    """Average each face's values, NaN left out: NaN only where there is nothing else."""
    stacked = np.stack(list(columns))
    count = (~np.isnan(stacked)).sum(0)
    return np.where(count > 0, np.nansum(stacked, 0) / np.maximum(count, 1), np.nan)
