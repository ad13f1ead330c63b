# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What a benchmark says: the reference method against the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bdinvert_cli.text import markdown_text

from .plan import Plan
from .runner import DRAWN
from .summary import (
    ALL_EDITS,
    EDIT_METRICS,
    Cell,
    Metric,
    all_kinds,
    metrics_of,
    moved_kinds,
    shared_edit,
)

__all__ = ['Comparison', 'conclusions', 'edit_comparisons', 'motion_comparisons', 'verdict']

# Less of them is not better: 1 is what the generator draws; an encoder alone takes no steps. The
# MSE says what the PSNR says.
_NO_CONTEST = ('mean v²', 'seconds', 'mse')


@dataclass(frozen=True)
class Comparison:
    """The reference and another method in one number.

    Args:
        ours (Cell): Of the reference.
        theirs (Cell): Of the other method, with the paired difference to the reference.
    """

    ours: Cell
    theirs: Cell

    @property
    def gain(self) -> float:
        """float: By how much the reference's mean is better; negative where it is worse."""
        gain = self.ours.value.mean - self.theirs.value.mean
        return gain if self.ours.metric.more_is_better else -gain

    @property
    def apart(self) -> bool:
        """bool: The two intervals do not overlap."""
        ours, theirs = self.ours.value, self.theirs.value
        return ours.low > theirs.high or theirs.low > ours.high

    @property
    def lost(self) -> bool:
        """bool: The other is better: the interval of the paired difference is beyond 0."""
        difference = self.theirs.difference
        return difference.low > 0 if self.ours.metric.more_is_better else difference.high < 0


def motion_comparisons(plan: Plan, cells: Sequence[Cell]) -> list[Comparison]:
    """Compare reconstructions, for each motion, with the methods that have no base code."""
    keys = ('psnr', next(iter(plan.judges)))
    return _compare(
        plan,
        cells,
        [
            (kind, method, '', key)
            for method in plan.without_geometry
            for kind in moved_kinds(cells)
            for key in keys
        ],
    )


def edit_comparisons(plan: Plan, cells: Sequence[Cell]) -> list[Comparison]:
    """Compare edits, over all motions, with the methods that have no regulariser."""
    edits = [*(edit.name for edit in plan.edits), ALL_EDITS]
    return _compare(
        plan,
        cells,
        [
            (all_kinds(cells), method, edit, key)
            for method in plan.free
            for edit in edits
            for key in ('gap', 'done')
        ],
    )


def verdict(plan: Plan, comparison: Comparison) -> str:
    """Say in a sentence of Markdown which is better, and whether their intervals overlap."""
    ours, theirs, gain = comparison.ours, comparison.theirs, comparison.gain
    word = 'better' if gain > 0 else 'worse' if gain < 0 else 'equal'
    word += ', intervals apart' if comparison.apart else ', intervals overlap'
    where = f'{ours.edit}, {ours.kind}' if ours.edit else ours.kind
    methods = f'{plan.methods[ours.method]} against {plan.methods[theirs.method]}'
    what = markdown_text(f'{methods}, {where}, {ours.metric.label}')
    return (
        f'{what}: **{word}** ({ours.value} and {theirs.value}; the latter less the '
        f'former on the same faces {theirs.difference})'
    )


def conclusions(plan: Plan, cells: Sequence[Cell]) -> list[str]:
    """Say what the numbers say for the reference method, and what against it.

    Args:
        plan (Plan): The benchmark.
        cells (Sequence[Cell]): From :func:`summarise`.

    Returns:
        list[str]: Up to three items of Markdown: reconstruction, edits, and what speaks against
        it, with the measures below it. None where the reference was not measured, or alone.
    """
    name = markdown_text(plan.methods[plan.reference])
    lines = []
    # The mean over all edits is not one more edit to win.
    edits = [c for c in edit_comparisons(plan, cells) if c.ours.edit != ALL_EDITS]
    for found, kind_of_method, verb in (
        (motion_comparisons(plan, cells), 'without a base code', 'rebuilds moved faces'),
        (edits, 'without a regulariser', 'edits'),
    ):
        if found:
            lines.append(f'Against the methods {kind_of_method} {_score(plan, found, name, verb)}')
    kinds = dict.fromkeys([all_kinds(cells), *(c.kind for c in cells if c.kind == 'aligned')])
    beside = {kind: _beside(plan, cells, kind) for kind in kinds}
    if any(beside.values()):
        ahead = {kind: text for kind, found in beside.items() if (text := _ahead(plan, found))}
        lines.append(
            f'What speaks against {name}: on the same faces, with 0 outside the interval of the '
            f'difference, {"other methods are" if ahead else "no other method is"} ahead of it in '
            f'{"the measures below" if ahead else "any measure"}{_left(plan, cells)}.'
        )
        lines[-1] += ''.join(f'\n  - {kind}: {text}' for kind, text in ahead.items())
    return lines


def _score(plan: Plan, found: list[Comparison], name: str, verb: str) -> str:
    """Count the comparisons that the reference wins."""
    methods = dict.fromkeys(plan.methods[c.theirs.method] for c in found)
    measures = dict.fromkeys(c.ours.metric.label for c in found)
    won = [c for c in found if c.gain > 0]
    clear = sum(c.apart for c in won)
    return (
        f'({markdown_text("; ".join(methods))}), {name} {verb} better in {len(won)} of '
        f'{len(found)} comparisons of {markdown_text(" and ".join(measures))}, in {clear} of them '
        'with intervals that do not overlap.'
    )


def _beside(plan: Plan, cells: Sequence[Cell], kind: str) -> list[Comparison]:
    """Compare the reference with every other method in every measure of a kind."""
    edit = shared_edit(cells)
    measures = [('', m) for m in metrics_of(plan)]
    measures += [(edit, m) for m in EDIT_METRICS if edit]
    others = [m for m in plan.methods if m != plan.reference]
    wanted = [(kind, o, e, m.key) for e, m in measures if m.key not in _NO_CONTEST for o in others]
    return _compare(plan, cells, wanted)


def _ahead(plan: Plan, found: list[Comparison]) -> str:
    """List the measures in which another method is ahead, with the best of those."""
    lost: dict[Metric, Comparison] = {}
    for one in (c for c in found if c.lost):
        metric = one.ours.metric
        if metric not in lost or one.gain < lost[metric].gain:
            lost[metric] = one
    return ', '.join(
        f'{markdown_text(metric.label)} ({markdown_text(plan.methods[one.theirs.method])}: '
        f'{one.theirs.value.mean:.3g} against {one.ours.value.mean:.3g})'
        for metric, one in lost.items()
    )


def _left(plan: Plan, cells: Sequence[Cell]) -> str:
    """Say how much of the error even the edits of the reference leave."""
    where = (all_kinds(cells), plan.reference, shared_edit(cells), 'gap')
    cell = _table(cells).get(where)
    if cell is None or not cell.value.count:
        return ''
    return (
        f', and its edits leave {cell.value.mean:.3g} of the error that there is without an edit '
        f'({markdown_text(cell.edit)}, {markdown_text(cell.kind)})'
    )


def _compare(plan: Plan, cells: Sequence[Cell], wanted) -> list[Comparison]:
    """Build the comparisons whose two sides were measured."""
    table, found = _table(cells), []
    for kind, method, edit, key in wanted:
        ours = table.get((kind, plan.reference, edit, key))
        theirs = table.get((kind, method, edit, key))
        if ours and theirs and ours.value.count and theirs.value.count:
            found.append(Comparison(ours, theirs))
    return found


def _table(cells: Sequence[Cell]) -> dict[tuple[str, str, str, str], Cell]:
    return {(c.kind, c.method, c.edit, c.metric.key): c for c in cells if c.method != DRAWN}
