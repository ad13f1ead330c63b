# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The report of a run in Markdown: counts, quality, and the worst images first."""

from __future__ import annotations

import os
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence

from bdinvert_cli.text import markdown_text

from ..io.outputs import write_bytes
from ..models.verdict import VERDICTS
from .record import ImageOutcome

__all__ = ['save_report']

_ROWS = 50


def save_report(path: str | os.PathLike, outcomes: Sequence[ImageOutcome]) -> None:
    """Write the report of a run."""
    write_bytes(path, ('\n'.join(_lines(outcomes)) + '\n').encode())


def _lines(outcomes: Sequence[ImageOutcome]) -> list[str]:
    counts = sorted(Counter(outcome.status for outcome in outcomes).items())
    lines = ['# Inversion', '']
    verdicts = Counter(o.metrics.get('verdict') for o in outcomes)
    counts += [(verdict, verdicts[verdict]) for verdict in VERDICTS if verdicts[verdict]]
    lines += _table(('images', 'number'), [('all', len(outcomes)), *counts])
    inverted = [o for o in outcomes if o.metrics.get('psnr') is not None]
    if inverted:
        values = [o.metrics['psnr'] for o in inverted]
        seconds = sum(o.metrics.get('seconds') or 0 for o in inverted)
        lines += [
            '',
            f'PSNR: mean {statistics.fmean(values):.2f} dB, median '
            f'{statistics.median(values):.2f} dB, lowest {min(values):.2f} dB. Time in the '
            f'inversions: {seconds:.1f} s.',
            '',
            '## The worst inversions',
            '',
        ]
        rows = []
        for o in sorted(inverted, key=lambda o: o.metrics['psnr'])[:_ROWS]:
            distance = o.metrics.get('perceptual')
            shown = '' if distance is None else f'{distance:.4f}'
            known = o.metrics.get('verdict', '')
            rows.append((o.name, o.status, f'{o.metrics["psnr"]:.2f}', shown, known, o.source))
        columns = ('name', 'status', 'PSNR (dB)', 'perceptual', 'the generator', 'source')
        lines += _table(columns, rows)
    refused = [(o.name, o.status, o.reason) for o in outcomes if o.reason]
    if refused:
        lines += ['', '## Not inverted, or stopped', '']
        lines += _table(('name', 'status', 'why'), refused[:_ROWS])
        if len(refused) > _ROWS:
            lines += ['', f'And {len(refused) - _ROWS} more: see summary.csv.']
    return lines


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    cells = [columns, ['---'] * len(columns), *([*map(markdown_text, row)] for row in rows)]
    return [f'| {" | ".join(row)} |' for row in cells]
