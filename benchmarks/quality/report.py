# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Writing a benchmark's report."""

from __future__ import annotations

import os
from pathlib import Path

from bdinvert_cli.text import markdown_text
from mmgen_bdinvert.io import atomic_write, claim_folder, claim_outputs
from mmgen_bdinvert.io.tables import save_table

from .faces import Photos
from .figures import plot_intervals, save_sheets
from .pace import plot_pace
from .page import write_page
from .runner import DRAWN, Benchmark, Rows
from .summary import best_strengths, summarise
from .tables import CSV_COLUMNS, csv_rows

__all__ = ['write_report']

_MAKER = 'benchmark-quality'
_FIGURES = ('benchmark.png', 'pace.png')
_FILES = ('benchmark.md', 'benchmark.csv', *_FIGURES, 'reconstructions.png', 'edits.png')


def write_report(
    benchmark: Benchmark, rows: Rows, folder: str | os.PathLike, *, command: str = ''
) -> list[Path]:
    """Write the tables, the figure and the pictures of a benchmark.

    Args:
        benchmark (Benchmark): It has run.
        rows (dict): What its :meth:`~Benchmark.run` returned.
        folder (str | os.PathLike): Folder for ``benchmark.md``, ``benchmark.csv``,
            ``benchmark.png``, ``pace.png``, ``reconstructions.png`` and, with edits, ``edits.png``.
        command (str): The command that the page names as its origin. Defaults to nothing.

    Returns:
        list[Path]: The files.

    Raises:
        ForeignFileError: The folder has files that the package did not make.
        OutputError: A file cannot be written.
    """
    folder = claim_folder(folder, _MAKER)
    claim_outputs([folder / name for name in _FILES], _MAKER)
    plan = benchmark.plan
    cells = summarise(plan, rows)
    methods = [name for name in rows if name != DRAWN]
    sheets = save_sheets(benchmark, folder, methods, best_strengths(plan, rows))
    plot_intervals(plan, cells, folder / 'benchmark.png')
    plot_pace(plan, cells, folder / 'pace.png')
    text = write_page(
        plan,
        cells,
        measured=_measured(benchmark, methods),
        figures=_FIGURES,
        pictures=sheets,
        command=command,
    )
    atomic_write(folder / 'benchmark.md', lambda path: path.write_text(text, encoding='utf-8'))
    save_table(folder / 'benchmark.csv', csv_rows(cells), CSV_COLUMNS)
    names = ['benchmark.md', 'benchmark.csv', *_FIGURES, *sheets]
    return [folder / name for name in names]


def _measured(benchmark: Benchmark, methods: list[str]) -> str:
    """Say what was measured: of which faces, into which generator, by how many methods."""
    plan, count = benchmark.plan, len(benchmark.indices)
    faces = 'photos' if isinstance(benchmark.faces, Photos) else 'held-out drawn faces'
    *kinds, last = benchmark.kinds
    listed = f'{", ".join(kinds)} and {last}' if kinds else last
    whole = (
        ' (combined: shifted, turned and scaled at once)' if 'combined' in benchmark.kinds else ''
    )
    steps = 'the steps of their configs' if plan.num_steps is None else f'{plan.num_steps} steps'
    named = f'{len(methods)} method{"s" * (len(methods) != 1)}'
    text = (
        f'{count} {faces}, each {listed}{whole}, were inverted into the generator of '
        f'{markdown_text(plan.domain.stem)} by {named}, those that optimise for '
        f'{steps}. '
        'Measured is how near a reconstruction comes to its target'
    )
    fewer = [
        f'{plan.methods[m]}: {n}' for m in methods if (n := len(benchmark.indices_of(m))) < count
    ]
    if plan.edits:
        text += ', and how near an edit comes to the same face, drawn with that attribute'
    return f'{text}.' + (
        f' Fewer faces of each kind: {markdown_text("; ".join(fewer))}.' if fewer else ''
    )
