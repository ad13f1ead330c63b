# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import io
from pathlib import Path

import pytest
import torch
from rich.console import Console

from mmgen_bdinvert.apis import ImageOutcome
from mmgen_bdinvert.jobs.progress import InversionProgress, summary_table


def done(name, psnr=20.0, **metrics):
    metrics = {'psnr': psnr, 'perceptual': 0.25, 'steps': 3, 'seconds': 1.5, **metrics}
    return ImageOutcome(name, Path(f'{name}.png'), 'done', metrics=metrics)


def text(table):
    console = Console(file=io.StringIO(), width=100)
    console.print(table)
    return console.file.getvalue()


@pytest.fixture(params=[140])
def terminal(request, monkeypatch):
    """Make rich draw bars into a string, as it does on a terminal of so many columns."""
    stream = io.StringIO()
    real = Console.__init__

    def init(self, **kwargs):
        real(self, **{**kwargs, 'file': stream, 'force_terminal': True, 'width': request.param})

    monkeypatch.setattr(Console, '__init__', init)
    return stream


def test_the_table_shows_each_image_and_the_mean():
    shown = text(summary_table([done('a', 20.0), done('b', 30.0)]))
    rows = [line.replace('│', ' ').split() for line in shown.splitlines()]
    assert ['a', 'done', '20.00', '0.2500', '3', '1.5'] in rows
    assert ['b', 'done', '30.00', '0.2500', '3', '1.5'] in rows
    assert ['mean', '25.00', '0.2500', '3', '1.5'] in rows


def test_the_table_shows_failures_without_numbers_and_does_not_average_them():
    failed = ImageOutcome('c[red]', Path('c.png'), 'failed', 'it is bad')
    shown = text(summary_table([done('a', 20.0), failed, done('b', 22.0)]))
    assert 'c[red]' in shown and 'failed' in shown and '21.00' in shown


def test_a_long_table_is_cut():
    shown = text(summary_table([done(f'n{i}') for i in range(45)]))
    assert 'n39' in shown and 'n40' not in shown and '… and 5 more' in shown


def test_without_a_terminal_each_image_is_a_line(capsys):
    with InversionProgress(3) as progress:
        progress.on_step(0, 3, {'total': torch.ones(2)}, torch.zeros(2, 3, 8, 8))
        progress.on_image(done('a'))
        progress.on_image(ImageOutcome('b', Path('b.png'), 'failed', 'b is bad [x]' + 60 * ' long'))
    out, err = capsys.readouterr()
    assert out == ''
    assert err.splitlines() == ['a: 20.0 dB, 1.5 s', 'error: b is bad [x]' + 60 * ' long']


def test_on_a_terminal_both_bars_carry_figures(terminal):
    with InversionProgress(3) as progress:
        for step in range(4):
            losses = {'pixel': torch.tensor([1.0, 2.0]), 'total': torch.tensor([3.0, 4.0])}
            progress.on_step(step, 3, losses, torch.zeros(2, 3, 8, 8))
        progress.on_image(done('a', 20.0))
        progress.on_image(done('b', 30.0))
        progress.on_progress(5, 7)  # three of them by other processes
    shown = terminal.getvalue()
    assert '3/3' in shown and 'total 3.5  pixel 1.5' in shown
    assert '5/7' in shown and '/s  mean 25.0 dB' in shown


@pytest.mark.parametrize('terminal', [80], indirect=True)
def test_a_narrow_terminal_cuts_the_losses_and_not_the_counts(terminal):
    names = ('total', 'pixel', 'perceptual', 'base', 'detail')
    with InversionProgress(60) as progress:
        for step in range(0, 61, 5):
            losses = {name: torch.tensor([1.23456]) for name in names}
            progress.on_step(step, 60, losses, torch.zeros(1, 3, 8, 8))
    last = terminal.getvalue().splitlines()[-2]  # the last of all shows the cursor again
    assert '60/60' in last and 'total 1.23  pixel' in last and 'detail' not in last


def test_without_a_terminal_the_progress_is_a_line_every_ten_seconds(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr('mmgen_bdinvert.jobs.progress.time.monotonic', lambda: now[0])
    losses, images = {'total': torch.tensor([1.0, 2.0])}, torch.zeros(2, 3, 8, 8)
    with InversionProgress(100) as progress:
        progress.on_progress(0, 4)
        for step in range(100):  # a batch of two in 50 seconds
            progress.on_step(step, 100, losses, images)
            now[0] += 0.5
        progress.on_progress(2, 4)
        progress.on_step(0, 100, losses, images)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        '0 of 4 images, step 20 of 100 of the next 2, loss 1.5, about 0:01:30 left',
        '0 of 4 images, step 40 of 100 of the next 2, loss 1.5, about 0:01:20 left',
        '0 of 4 images, step 60 of 100 of the next 2, loss 1.5, about 0:01:10 left',
        '0 of 4 images, step 80 of 100 of the next 2, loss 1.5, about 0:01:00 left',
        '2 of 4 images, step 0 of 100 of the next 2, loss 1.5, about 0:00:50 left',
    ]


def test_before_anything_is_done_no_time_is_guessed(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr('mmgen_bdinvert.jobs.progress.time.monotonic', lambda: now[0])
    with InversionProgress(100) as progress:
        progress.on_progress(0, 1)
        now[0] = 11.0
        progress.on_step(0, 100, {'total': torch.ones(1)}, torch.zeros(1, 3, 8, 8))
    assert capsys.readouterr().err == '0 of 1 images, step 0 of 100 of the next 1, loss 1\n'
