# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The report of a run in Markdown: how many, how well, and the worst images first."""

from __future__ import annotations

import os
import statistics
from collections import Counter
from collections.abc import Sequence

from bdinvert_cli.text import markdown_text

from ..io.outputs import atomic_write
from ..models.verdict import VERDICTS
from .outcome import ImageOutcome

__all__ = ['save_report']

_ROWS = 50


def save_report(path: str | os.PathLike, outcomes: Sequence[ImageOutcome]) -> None:
    """Write the report of a run."""
    text = '\n'.join(_lines(outcomes)) + '\n'
    atomic_write(path, lambda temporary: temporary.write_text(text, encoding='utf-8'))


def _lines(outcomes: Sequence[ImageOutcome]) -> list[str]:
    counts = Counter(outcome.status for outcome in outcomes)
    inverted = [o for o in outcomes if o.metrics.get('psnr') is not None]
    lines = [
        '# Inversion',
        '',
        '| images | number |',
        '| --- | --- |',
        f'| all | {len(outcomes)} |',
    ]
    lines += [_row(status, counts[status]) for status in sorted(counts)]
    verdicts = Counter(o.metrics['verdict'] for o in outcomes if 'verdict' in o.metrics)
    lines += [_row(verdict, verdicts[verdict]) for verdict in VERDICTS if verdicts[verdict]]
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
            '| name | status | PSNR (dB) | perceptual | the generator | source |',
            '| --- | --- | --- | --- | --- | --- |',
        ]
        for o in sorted(inverted, key=lambda o: o.metrics['psnr'])[:_ROWS]:
            distance = o.metrics.get('perceptual')
            shown = '' if distance is None else f'{distance:.4f}'
            known = o.metrics.get('verdict', '')
            lines.append(_row(o.name, o.status, f'{o.metrics["psnr"]:.2f}', shown, known, o.source))
    refused = [o for o in outcomes if o.reason]
    if refused:
        lines += [
            '',
            '## Not inverted, or stopped',
            '',
            '| name | status | why |',
            '| --- | --- | --- |',
        ]
        lines += [_row(o.name, o.status, o.reason) for o in refused[:_ROWS]]
        if len(refused) > _ROWS:
            lines += ['', f'And {len(refused) - _ROWS} more: see summary.csv.']
    return lines


def _row(*cells: object) -> str:
    return f'| {" | ".join(map(markdown_text, cells))} |'
