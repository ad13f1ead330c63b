# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Progress of an inversion on a terminal, and its table at the end."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text
from torch import Tensor

from bdinvert_cli.text import printable

from ..models.verdict import VERDICTS
from .record import ImageOutcome

__all__ = ['InversionProgress', 'strange_note', 'summary_table']

_EVERY = 5  # steps between two looks at the losses, each of which waits for the GPU
_EVERY_SECONDS = 10  # between two lines where there is no terminal
_TABLE_ROWS = 40
_COLUMNS = {  # heading and format by metric
    'psnr': ('PSNR (dB)', '.2f'),
    'perceptual': ('perceptual', '.4f'),
    'steps': ('steps', '.0f'),
    'seconds': ('s', '.1f'),
}
_NAMED = 5  # images in a sentence


class InversionProgress:
    """Two bars, for images and for the steps of the batch, with the losses of the batch.

    Use it as a context manager, and give :meth:`on_step`, :meth:`on_image` and :meth:`on_progress`
    to :func:`mmgen_bdinvert.apis.invert_files`. The bar of the images counts those of all
    processes. Without a terminal a line is printed for every image, and one on the progress every
    ten seconds. ``left`` is the number of images to invert, None until it is known. A batch takes
    ``num_steps`` steps.
    """

    left: int | None = None

    def __init__(self, num_steps: int) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.progress = Progress(
            TextColumn('{task.description}'),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            _Figures(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._images = self.progress.add_task('images', total=None, figures='')
        self._steps = self.progress.add_task('steps', total=num_steps, figures='')
        self._psnr_sum, self._psnr_count = 0.0, 0
        self._finished = 0
        self._began = self._told = time.monotonic()

    def __enter__(self) -> InversionProgress:
        self.progress.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.progress.stop()

    def on_step(self, step: int, num_steps: int, losses: dict[str, Tensor], images: Tensor) -> None:
        """Show the weighted losses, averaged over the batch."""
        if self.progress.disable:
            self._tell(step, num_steps, losses, len(images))
            return
        if step % _EVERY and step != num_steps:
            return
        if step == 0:
            self.progress.reset(self._steps, total=num_steps)
        terms = sorted(losses.items(), key=lambda item: item[0] != 'total')
        figures = '  '.join(f'{name} {float(value.mean()):.3g}' for name, value in terms)
        self.progress.update(self._steps, completed=step, figures=figures)

    def on_image(self, outcome: ImageOutcome) -> None:
        """Include the PSNR of an image in the mean, or print why it was not inverted."""
        psnr = outcome.metrics.get('psnr')
        if psnr is not None:
            self._psnr_sum += psnr
            self._psnr_count += 1
        if outcome.reason:
            self._print(f'error: {outcome.reason}')
        elif self.progress.disable:
            self._print(f'{outcome.name}: {psnr:.1f} dB, {outcome.metrics["seconds"]:.1f} s')

    def on_progress(self, finished: int, left: int) -> None:
        """Show how many of the images that were left are finished, by all processes."""
        self.left, self._finished = left, finished
        rate = finished / max(time.monotonic() - self._began, 1e-9)
        figures = [f'{rate:.3g}/s'] if finished else []
        if self._psnr_count:
            figures.append(f'mean {self._psnr_sum / self._psnr_count:.1f} dB')
        self.progress.update(
            self._images, total=left, completed=finished, figures='  '.join(figures)
        )

    def _tell(self, step: int, num_steps: int, losses: dict[str, Tensor], count: int) -> None:
        """Print a line on the progress, if the last one is long ago."""
        now = time.monotonic()
        if self.left is None or now - self._told < _EVERY_SECONDS:  # None: another process tells
            return
        self._told = now
        left = max(self.left, count)
        done = min(self._finished + count * step / max(num_steps, 1), left)
        rest = ''
        if done:
            seconds = (now - self._began) * (left / done - 1)
            rest = f', about {timedelta(seconds=round(seconds))} left'
        loss = float(losses['total'].mean())
        self._print(
            f'{self._finished} of {left} images, step {step} of {num_steps} of the next {count}, '
            f'loss {loss:.3g}{rest}'
        )

    def on_note(self, sentence: str) -> None:
        """Print what a run found in its output folder."""
        self._print(f'note: {sentence}')

    def _print(self, line: str) -> None:
        self.console.print(printable(line), markup=False, soft_wrap=True)


class _Figures(ProgressColumn):
    """Losses or rates, cut off in a narrow terminal so that counts and times stay."""

    def render(self, task: Task) -> Text:
        return Text(task.fields['figures'], no_wrap=True, overflow='ellipsis')


def summary_table(outcomes: Sequence[ImageOutcome]) -> Table:
    """Build the table of a run: at most 40 images, and the mean of all inverted ones."""
    table = Table(title=f'{len(outcomes)} images', title_justify='left')
    table.add_column('name', overflow='ellipsis', no_wrap=True, max_width=40)
    table.add_column('status')
    table.add_column('verdict')
    for heading, _ in _COLUMNS.values():
        table.add_column(heading, justify='right')
    for outcome in outcomes[:_TABLE_ROWS]:
        cells = [_cell(outcome.metrics.get(key), style) for key, (_, style) in _COLUMNS.items()]
        colour = {'failed': 'red', 'stopped': 'yellow'}.get(outcome.status, '')
        status = Text(printable(outcome.status), colour)
        known = Text(printable(outcome.metrics.get('verdict', '')))
        table.add_row(Text(printable(outcome.name)), status, known, *cells)
    if len(outcomes) > _TABLE_ROWS:
        table.add_row(f'… and {len(outcomes) - _TABLE_ROWS} more')
    inverted = [outcome.metrics for outcome in outcomes if outcome.metrics]
    if len(inverted) > 1:
        means = []
        for key, (_, style) in _COLUMNS.items():
            values = [row.get(key) for row in inverted]
            means.append('' if None in values else _cell(statistics.fmean(values), style))
        table.add_section()
        table.add_row('mean', '', '', *means)
    return table


def strange_note(outcomes: Sequence[ImageOutcome]) -> str:
    """Say in a sentence which images do not fit what the generator knows; '' if all do."""
    strange = [o.name for o in outcomes if o.metrics.get('verdict') == VERDICTS[-1]]
    if not strange:
        return ''
    names = ', '.join([*map(printable, strange[:_NAMED]), *['…'] * (len(strange) > _NAMED)])
    return (
        f'{len(strange)} of {len(outcomes)} images do not fit what the generator knows, so edits '
        f'of them will mean little: {names}'
    )


def _cell(value: float | None, style: str) -> str:
    return '' if value is None else format(value, style)
