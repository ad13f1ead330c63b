# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import json

import pytest

from benchmarks.speed import measure


@pytest.fixture()
def benchmark(run_in_process, monkeypatch):
    monkeypatch.setattr(measure, 'convolution_rate', lambda device, repeats: 100.0)
    return run_in_process('benchmarks.speed.__main__')


def test_the_last_line_is_the_figure_in_short(benchmark, tmp_path):
    file = tmp_path / 'speed.json'
    small = ('--size', 32, '--width', 8, '--repeats', 1, '--device', 'cpu')
    code, out, _ = benchmark('--only', 'step', *small, '--json', file)
    last = out.strip().splitlines()[-1]
    assert code == 0
    assert '| step | 32 | 1 |' in out  # Markdown, as this is no terminal
    (row,) = json.loads(file.read_text())['rows']
    ratios = row['ratios']
    short = ' '.join(f'{side} {ratios[side]:.1f}x' for side in ratios if side != 'plain')
    assert short.startswith('fp32 ')
    assert last == f'step 32: {short} of the plain baseline'
    assert (tmp_path / 'speed.png').is_file()


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (('--size', 33, '--only', 'step'), 'power of two from 32 up, but got 33'),
        (('--repeats', 0), '--repeats is 1 or more, but got 0'),
        (('--only', 'speed'), "invalid choice: 'speed'"),
        (('--goals', 0.1, 0.2, '--sample', 5), '--goals takes a number for each of 4 pictures'),
        (('--goals', 0.1, '--pictures', 1), 'with --sample'),
        (('--detail-encoder', 'd', '--faces', 'c'), '--detail-encoder is for random weights'),
        (('--json', 'speed.txt'), "ends in .json, but got 'speed.txt'"),
        (('--device', 'tpu9'), "the device 'tpu9' is not available here"),
    ],
)
def test_wrong_use_is_one_sentence(benchmark, args, message):
    code, _, err = benchmark(*args)
    assert code == 2 and message in err and err.strip().count('\n') == 0
