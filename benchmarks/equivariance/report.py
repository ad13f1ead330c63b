# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Tables and plot of an equivariance measurement."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from mmgen_bdinvert.io import atomic_write, claim_folder, claim_outputs
from mmgen_bdinvert.io.tables import save_table

from .measure import EquivarianceRow
from .plot import plot_equivariance

__all__ = ['equivariance_markdown', 'write_equivariance']

_MAKER = 'equivariance'

_COLUMNS = (
    *('base_size', 'motion', 'magnitude', 'cells', 'noise', 'psnr', 'rmse'),
    *('interior_psnr', 'interior_rmse', 'interior_share', 'perceptual'),
)


def equivariance_markdown(rows: Sequence[EquivarianceRow]) -> str:
    """Return a Markdown table: a line for each motion and magnitude.

    Args:
        rows (Sequence[EquivarianceRow]): From :func:`measure_equivariance`, of one or more sizes.

    Returns:
        str: For each base size the PSNR in dB as the method runs, with the noise off, and in the
        interior with the noise off, and the perceptual distance if it was measured. Shifts by
        whole cells are in bold.
    """
    table = {(r.motion, r.magnitude, r.base_size, r.noise): r for r in rows}
    sizes = sorted({row.base_size for row in rows})
    columns = ['', ', no noise', ', interior']
    if not all(math.isnan(row.perceptual) for row in rows):
        columns.append(', perceptual')
    heads = [f'{size}×{size}{column}' for size in sizes for column in columns]
    lines = ['| motion | ' + ' | '.join(heads) + ' |', '| --- |' + ' ---: |' * len(heads)]
    for motion, magnitude in dict.fromkeys(key[:2] for key in table):
        cells = []
        for size in sizes:
            fixed, quiet = (table[motion, magnitude, size, noise] for noise in ('fixed', 'off'))
            shown = [_decibels(r) for r in (fixed.psnr, quiet.psnr, quiet.interior_psnr)]
            shown += [f'{fixed.perceptual:.4f}'] * (len(columns) - 3)
            whole = fixed.cells is not None and float(fixed.cells).is_integer()
            cells += [f'**{value}**' if whole and value != '–' else value for value in shown]
        lines.append(f'| {motion} {magnitude:g} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines) + '\n'


def write_equivariance(
    rows: Sequence[EquivarianceRow], folder: str | os.PathLike, title: str = ''
) -> list[Path]:
    """Write ``equivariance.md``, ``equivariance.csv`` and ``equivariance.png``.

    Args:
        rows (Sequence[EquivarianceRow]): From :func:`measure_equivariance`, of one or more sizes.
        folder (str | os.PathLike): Folder for the files.
        title (str): Line above the plot. Defaults to ''.

    Returns:
        list[Path]: The files.

    Raises:
        ForeignFileError: The folder has files that the package did not make.
        OutputError: A file cannot be written.
    """
    folder = claim_folder(folder, _MAKER)
    text = equivariance_markdown(rows)
    files = [folder / f'equivariance.{ending}' for ending in ('md', 'csv', 'png')]
    claim_outputs(files, _MAKER)
    atomic_write(files[0], lambda path: path.write_text(text, encoding='utf-8'))
    values = [{**asdict(row), 'psnr': row.psnr, 'interior_psnr': row.interior_psnr} for row in rows]
    save_table(files[1], values, _COLUMNS)
    plot_equivariance(rows, files[2], title)
    return files


def _decibels(value: float) -> str:
    if math.isnan(value):
        return '–'
    return 'exact' if value > 120 else f'{value:.1f}'
