# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A benchmark's page: what was measured and what it says first, every number after that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bdinvert_cli.text import markdown_text, printable

from .comparisons import conclusions, edit_comparisons, motion_comparisons, verdict
from .plan import Plan
from .runner import DRAWN
from .summary import ALL_EDITS, EDIT_METRICS, Cell, all_kinds, metrics_of, shared_edit
from .tables import Column, measures, method_table

__all__ = ['write_page']

_READING = (
    'Values are means over faces with percentile bootstrap intervals of 95 % (2,000 resamples) in '
    'brackets; the best mean of a column is bold.'
)
_FIGURE = (
    'Means and intervals of every measure, by motion; → more is better, ← less is better. The '
    'measures are explained [below](#the-measures).'
)
_NOTE = (
    '*PSNR*, *SSIM* and *MSE* compare pixels. Perceptual distances compare features of a network; '
    'no method was optimised for the first one. '
    '*PSNR straightened* compares the picture before it was moved with the base code moved back. '
    '*mean v²* is the squared length of the style vectors in P-norm+ space: 1 is what the '
    'generator draws by itself. There is no identity distance: no network for faces is packaged.'
)
_ATTRIBUTE_NOTE = (
    '*attributes kept* stands in for identity: the share of what was drawn that a classifier, '
    'which has never seen a generator, finds in the reconstruction, moved back into alignment; '
    '*… as drawn* is the share of faces in which it finds that one.'
)
_EDIT_NOTE = (
    'The truth of an edit is the same face, drawn with that attribute and under the same '
    'transform. *gap left* is the error inside the region that the drawn edit changes, divided by '
    'what it would be without an edit: 0 is the truth, 1 no better than nothing. *edit seen* and '
    '*rest kept* are the judgement of the classifier. Each method is shown at the strength that '
    'gives it the smallest gap; where that is the last of those tried, a larger one might serve it '
    'better still.'
)


def write_page(
    plan: Plan,
    cells: Sequence[Cell],
    *,
    measured: str,
    figure: str = '',
    pictures: Sequence[str] = (),
    command: str = '',
) -> str:
    """Write a benchmark's page in Markdown.

    Args:
        plan (Plan): The benchmark.
        cells (Sequence[Cell]): From :func:`summarise`.
        measured (str): What was measured, in a sentence or two of Markdown.
        figure (str): File of the intervals, beside the page. Defaults to none.
        pictures (Sequence[str]): Files of faces beside the page. Defaults to none.
        command (str): The command that made it. Defaults to nothing.

    Returns:
        str: What was measured, one table, the figure, what it says; then the details.
    """
    parts = ['# Inversion methods compared', measured, _READING, _headline(plan, cells)]
    if figure:
        parts += [f'![Means and intervals by method]({figure})', _FIGURE]
    said = conclusions(plan, cells)
    if said:
        parts += ['## What it says', '\n'.join(f'- {line}' for line in said)]
    if command:
        parts += ['## How it was made', f'```bash\n{printable(command)}\n```']
    if pictures:
        parts.append('## Faces')
        parts += [f'![{name.partition(".")[0]}]({name})' for name in pictures]
    parts += ['## The measures', _NOTE]
    if plan.classifier is not None:
        parts.append(_ATTRIBUTE_NOTE)
    if shared_edit(cells):
        parts.append(_EDIT_NOTE)
    parts += [*_reconstructions(plan, cells), *_edits(plan, cells)]
    found = [*motion_comparisons(plan, cells), *edit_comparisons(plan, cells)]
    if found:
        lines = '\n'.join(f'- {verdict(plan, comparison)}' for comparison in found)
        parts += ['## Verdicts', lines]
    return '\n\n'.join(parts) + '\n'


def _headline(plan: Plan, cells: Sequence[Cell]) -> str:
    """Lay out the one table of the first screen: a column each for three questions."""
    every, judge, edit = all_kinds(cells), next(iter(plan.judges)), shared_edit(cells)
    hardest = 'combined' if any(c.kind == 'combined' for c in cells) else every
    wanted = [
        (f'perceptual distance {judge}, {every} (less is better)', every, '', judge),
        (f'PSNR (dB), {hardest} (more is better)', hardest, '', 'psnr'),
        (f'gap left by edits, {every} (less is better; 1: as unedited)', every, edit, 'gap'),
    ]
    return method_table(
        plan,
        [
            Column(
                label,
                {
                    c.method: replace(c, strength='')  # each is at its own best
                    for c in cells
                    if (c.kind, c.edit, c.metric.key) == (kind, edit, key) and c.method != DRAWN
                },
            )
            for label, kind, edit, key in wanted
        ],
    )


def _reconstructions(plan: Plan, cells: Sequence[Cell]) -> list[str]:
    """Write the tables of reconstruction: one for each motion, and the paired differences."""
    plain = [c for c in cells if not c.edit and c.method != DRAWN]
    parts: list[str] = []
    for kind in dict.fromkeys(c.kind for c in cells):
        columns = measures([c for c in plain if c.kind == kind], metrics_of(plan))
        parts += [f'## Reconstruction: {markdown_text(kind)}', method_table(plan, columns)]
    every, reference = all_kinds(cells), markdown_text(plan.methods[plan.reference])
    columns = measures([c for c in plain if c.kind == every], metrics_of(plan))
    return [
        *parts,
        f'## Paired difference to {reference}: {markdown_text(every)}',
        f'The same faces; an interval without 0 is a difference. Of {reference} itself: none.',
        method_table(plan, columns, 'difference'),
    ]


def _edits(plan: Plan, cells: Sequence[Cell]) -> list[str]:
    """Write the tables of edits: of aligned faces and of all moved ones, all edits first."""
    edits = sorted({c.edit: 0 for c in cells if c.edit}, key=lambda name: name != ALL_EDITS)
    parts = ['## Edits'] if edits else []
    for kind in dict.fromkeys(c.kind for c in cells if c.kind in ('aligned', all_kinds(cells))):
        for edit in edits:
            part = [c for c in cells if c.kind == kind and c.edit == edit]
            parts += [
                f'### {markdown_text(edit)}: {markdown_text(kind)}',
                method_table(plan, measures(part, EDIT_METRICS)),
            ]
    return parts
