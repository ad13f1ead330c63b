# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import io
from pathlib import Path

import pytest
import torch
from rich.console import Console

from mmgen_bdinvert.apis import ImageOutcome
from mmgen_bdinvert.apis.progress import InversionProgress, summary_table


def done(name, psnr=20.0, **metrics):
    metrics = {'psnr': psnr, 'perceptual': 0.25, 'steps': 3, 'seconds': 1.5, **metrics}
    return ImageOutcome(name, Path(f'{name}.png'), 'done', metrics=metrics)


def text(table):
    console = Console(file=io.StringIO(), width=100)
    console.print(table)
    return console.file.getvalue()


@pytest.fixture()
def terminal(monkeypatch):
    """Make rich draw bars into a string, as it does on a terminal."""
    stream = io.StringIO()
    real = Console.__init__

    def init(self, **kwargs):
        real(self, **{**kwargs, 'file': stream, 'force_terminal': True, 'width': 140})

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
    with InversionProgress(2, 3) as progress:
        progress.on_step(0, 3, {'total': torch.ones(2)}, torch.zeros(2, 3, 8, 8))
        progress.on_image(done('a'))
        progress.on_image(ImageOutcome('b', Path('b.png'), 'failed', 'b is bad [x]' + 60 * ' long'))
    out, err = capsys.readouterr()
    assert out == ''
    assert err.splitlines() == ['a: 20.0 dB, 1.5 s', 'error: b is bad [x]' + 60 * ' long']


def test_on_a_terminal_both_bars_carry_figures(terminal):
    with InversionProgress(2, 3) as progress:
        for step in range(4):
            losses = {'pixel': torch.tensor([1.0, 2.0]), 'total': torch.tensor([3.0, 4.0])}
            progress.on_step(step, 3, losses, torch.zeros(2, 3, 8, 8))
        progress.on_image(done('a', 20.0))
        progress.on_image(done('b', 30.0))
    shown = terminal.getvalue()
    assert '3/3' in shown and 'total 3.5  pixel 1.5' in shown
    assert '2/2' in shown and 'mean 25.0 dB' in shown
