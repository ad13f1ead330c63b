# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Writing a benchmark's report."""

from __future__ import annotations

import os
from pathlib import Path

from mmgen_bdinvert.io import atomic_write, claim_folder, claim_outputs
from mmgen_bdinvert.io.tables import save_table

from .figures import plot_intervals, save_sheets
from .runner import DRAWN, Benchmark, Rows
from .summary import best_strengths, summarise
from .tables import CSV_COLUMNS, csv_rows, markdown

__all__ = ['write_report']

_MAKER = 'benchmark-quality'
_FILES = ('benchmark.md', 'benchmark.csv', 'benchmark.png', 'reconstructions.png', 'edits.png')


def write_report(
    benchmark: Benchmark, rows: Rows, folder: str | os.PathLike, *, command: str = ''
) -> list[Path]:
    """Write the tables, the figure and the pictures of a benchmark.

    Args:
        benchmark (Benchmark): It has run.
        rows (dict): What its :meth:`~Benchmark.run` returned.
        folder (str | os.PathLike): Folder for ``benchmark.md``, ``benchmark.csv``,
            ``benchmark.png``, ``reconstructions.png`` and, with edits, ``edits.png``.
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
    count = len(benchmark.indices)
    steps = '' if plan.num_steps is None else f', {plan.num_steps} steps'
    methods = [name for name in rows if name != DRAWN]
    sheets = save_sheets(benchmark, folder, methods, best_strengths(plan, rows))
    plot_intervals(plan, cells, folder / 'benchmark.png')
    text = markdown(
        plan,
        cells,
        title=f'{plan.domain.stem}: {count} faces of each kind{steps}',
        command=command,
        pictures=['benchmark.png', *sheets],
    )
    atomic_write(folder / 'benchmark.md', lambda path: path.write_text(text, encoding='utf-8'))
    save_table(folder / 'benchmark.csv', csv_rows(cells), CSV_COLUMNS)
    names = ['benchmark.md', 'benchmark.csv', 'benchmark.png', *sheets]
    return [folder / name for name in names]
