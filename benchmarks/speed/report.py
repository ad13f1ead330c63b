# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The measurements as a line, a table, JSON and a plot."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

from mmgen_bdinvert.io import check_outputs, claim_outputs
from mmgen_bdinvert.io.tables import save_json

from .measure import Row
from .plot import plot_ratios

__all__ = ['check_speed_files', 'short_form', 'speed_table', 'write_speed']

_MAKER = 'benchmark'


def short_form(row: Row) -> str:
    """Return the ratios of all sides in a line, such as ``step 256: fp32 1.9x bf16 3.2x …``."""
    if row.what == 'memory':
        figures = [f'{side} {row.values[side] / row.values["plain"]:.2f}' for side in _ours(row)]
        return f'memory {row.size}: {" ".join(figures)} of the plain baseline'
    figures = [f'{side} {row.ratio(side):.1f}x' for side in _ours(row)]
    return f'{row.what} {row.size}: {" ".join(figures)} of the plain baseline'


def speed_table(rows: Sequence[Row]) -> str:
    """Return the measurements as Markdown tables: times or MiB, and further figures, – for NaN."""
    lines = [
        '| | size | batch | plain | ours | ratios | GFLOP | share of the convolution |',
        '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ]
    for row in rows:
        memory = row.what == 'memory'
        cells = [
            row.what,
            str(row.size),
            str(row.batch),
            _value(row, 'plain'),
            ', '.join(f'{side} {_value(row, side)}' for side in _ours(row)),
            ', '.join(
                f'{1 / row.ratio(side):.2f}' if memory else f'{row.ratio(side):.2f}x'
                for side in _ours(row)
            ),
            '' if row.gflop is None else f'{row.gflop:.0f}',
            ', '.join(f'{row.share(side):.0%}' for side in _ours(row) if row.share(side)),
        ]
        lines.append(f'| {" | ".join(cells)} |')
    for row in (row for row in rows if row.figures):
        lines += ['', f'| {row.what} {row.size} | {" | ".join(row.values)} |']
        lines.append('| --- ' * (1 + len(row.values)) + '|')
        for name, by_side in row.figures.items():
            values = [by_side[side] for side in row.values]
            cells = ['–' if math.isnan(value) else f'{value:.5g}' for value in values]
            lines.append(f'| {name} | {" | ".join(cells)} |')
    return '\n'.join(lines)


def write_speed(rows: Sequence[Row], path: str | os.PathLike, machine: str) -> list[Path]:
    """Write measurements as JSON, null for NaN, and a plot of the ratios beside it.

    Args:
        rows (Sequence[Row]): The measurements.
        path (str | os.PathLike): The JSON file; the plot has its name and ends in ``.png``.
        machine (str): Of :func:`describe_machine`.

    Returns:
        list[Path]: The two files.

    Raises:
        ForeignFileError: One exists, and no earlier benchmark made it.
        OutputError: One cannot be written.
    """
    path, plot = _files(path)
    claim_outputs([path, plot], _MAKER)
    save_json(path, {'machine': machine, 'rows': [row.to_dict() for row in rows]})
    bars = {
        f'{row.what} {row.size}, batch {row.batch}': {s: row.ratio(s) for s in _ours(row)}
        for row in rows
    }
    plot_ratios(bars, plot, machine)
    return [path, plot]


def check_speed_files(path: str | os.PathLike) -> None:
    """Check that :func:`write_speed` can write its two files, before hours of measuring.

    Raises:
        ForeignFileError: One exists, and no earlier benchmark made it.
    """
    check_outputs(_files(path), _MAKER)


def _files(path: str | os.PathLike) -> tuple[Path, Path]:
    return Path(path), Path(path).with_suffix('.png')


def _ours(row: Row) -> list[str]:
    return [side for side in row.values if side != 'plain']


def _value(row: Row, side: str) -> str:
    value = row.values[side]
    return f'{value:.0f} MiB' if row.what == 'memory' else f'{value:.3f} s'
