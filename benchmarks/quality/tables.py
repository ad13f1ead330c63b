# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A benchmark's tables, in Markdown and CSV."""

from __future__ import annotations

from collections.abc import Sequence

from bdinvert_cli.text import markdown_text, printable

from .plan import Plan
from .runner import DRAWN
from .summary import ALL_EDITS, EDIT_METRICS, MOVED, Cell, metrics_of, verdicts

__all__ = ['CSV_COLUMNS', 'csv_rows', 'markdown']

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
_NOTE = (
    'Means over faces with percentile bootstrap intervals of 95 % (2,000 resamples). '
    '*mean v²* is the squared length of the style vectors in P-norm+ space: 1 is what the '
    'generator draws by itself. There is no identity distance: no network for faces is packaged.'
)
_ATTRIBUTE_NOTE = (
    '*attributes kept* stands in for identity: the share of what was drawn that a classifier, '
    'which has never seen a generator, finds in the reconstruction, moved back into alignment.'
)
_EDIT_NOTE = (
    'The truth of an edit is the same face, drawn with that attribute and under the same '
    'transform. *gap left* is the error inside the region that the drawn edit changes, divided by '
    'what it would be without an edit: 0 is the truth, 1 no better than nothing. *edit seen* and '
    '*rest kept* are the judgement of the classifier. Each method is shown at the strength that '
    'gives it the smallest gap; where that is the last of those tried, a larger one might serve it '
    'better still.'
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


def markdown(
    plan: Plan,
    cells: Sequence[Cell],
    *,
    title: str,
    command: str = '',
    pictures: Sequence[str] = (),
) -> str:
    """Write the tables of a report.

    Args:
        plan (Plan): The benchmark.
        cells (Sequence[Cell]): From :func:`summarise`.
        title (str): First line of the page.
        command (str): The command that made it. Defaults to nothing.
        pictures (Sequence[str]): Files beside the page. Defaults to none.

    Returns:
        str: Pictures, reconstruction by kind, edits, and the verdicts.
    """
    parts = [f'# {markdown_text(title)}', _NOTE]
    if plan.classifier is not None:
        parts.append(_ATTRIBUTE_NOTE)
    if command:
        parts.append(f'```bash\n{printable(command)}\n```')
    parts += [f'![{name.partition(".")[0]}]({name})' for name in pictures]
    kinds = dict.fromkeys(cell.kind for cell in cells)
    reference = markdown_text(plan.methods[plan.reference])
    for kind in kinds:
        part = [c for c in cells if c.kind == kind and not c.edit and c.method != DRAWN]
        parts += [
            f'## Reconstruction: {markdown_text(kind)}',
            _table(plan, part, metrics_of(plan), 'value'),
        ]
    every = MOVED if MOVED in kinds else next(iter(kinds))
    part = [c for c in cells if c.kind == every and not c.edit and c.method != DRAWN]
    parts += [
        f'## Paired difference to {reference}: {markdown_text(every)}',
        f'The same faces; an interval without 0 is a difference. Of {reference} itself: none.',
        _table(plan, part, metrics_of(plan), 'difference'),
    ]
    edits = list(dict.fromkeys(c.edit for c in cells if c.edit))
    if edits:
        parts += ['## Edits', _EDIT_NOTE]
    for kind in (k for k in kinds if edits and k in ('aligned', every)):
        for edit in sorted(edits, key=lambda name: name != ALL_EDITS):
            part = [c for c in cells if c.kind == kind and c.edit == edit]
            parts += [
                f'### {markdown_text(edit)}: {markdown_text(kind)}',
                _table(plan, part, EDIT_METRICS, 'value'),
            ]
    lines = verdicts(plan, cells)
    if lines:
        parts += ['## Verdicts', '\n'.join(f'- {line}' for line in lines)]
    return '\n\n'.join(parts) + '\n'


def _table(plan: Plan, cells: Sequence[Cell], metrics, field: str) -> str:
    """Lay out cells as method × metric; the best mean of a column is bold."""
    found = {(c.method, c.metric.key): c for c in cells if getattr(c, field).count}
    columns = [m for m in metrics if any((name, m.key) in found for name, _ in found)]
    columns = [m for m in columns if any(key == m.key for _, key in found)]
    methods = [m for m in (*plan.methods, DRAWN) if any(name == m for name, _ in found)]
    if not columns:
        return 'Nothing was measured.'
    last = {edit.name: f'{edit.strengths[-1]:g}' for edit in plan.edits if len(edit.strengths) > 1}
    strengths = {
        c.method: c.strength + (' (last)' if c.strength == last.get(c.edit) else '')
        for c in cells
        if c.strength and c.method != DRAWN
    }
    best = {}
    if field == 'value':
        for metric in columns:
            means = {
                m: found[m, metric.key].value.mean
                for m in methods
                if m != DRAWN and (m, metric.key) in found
            }
            if means:
                choose = max if metric.more_is_better else min
                best[metric.key] = choose(means, key=means.get)
    head = [
        'method',
        *(['strength'] if strengths else []),
        *(markdown_text(m.label) for m in columns),
    ]
    lines = [head, ['---'] * len(head)]
    for method in methods:
        row = [markdown_text(plan.methods.get(method, 'the drawn truth itself'))]
        row += [strengths.get(method, '')] if strengths else []
        for metric in columns:
            cell = found.get((method, metric.key))
            text = str(getattr(cell, field)) if cell else ''
            bold = best.get(metric.key) == method and metric.key not in ('mean v²', 'seconds')
            row.append(f'**{text}**' if bold else text)
        lines.append(row)
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)
