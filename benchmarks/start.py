# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Measure how long the package takes to start: its import, and a command until its first step.

Processes of this checkout and of another one take turns and medians are compared, so that other
load on the machine affects both. The command inverts a toon face and ends at the backward pass of
its second step. CPU seconds are those of all threads of the process.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import run_tool

ROOT = Path(__file__).resolve().parents[1]
UNTIL_THE_SECOND_STEP = """
import os, runpy, sys
import torch
backward, calls = torch.Tensor.backward, []
def counted(*args, **kwargs):
    calls.append(args)
    if len(calls) == 2:
        os._exit(0)
    return backward(*args, **kwargs)
torch.Tensor.backward = counted
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""
PARTS = {
    'import torch': ['-c', 'import torch'],
    'import mmgen_bdinvert': ['-c', 'import mmgen_bdinvert'],
    'command to first step': ['-c', UNTIL_THE_SECOND_STEP, 'tools/invert.py'],
}

EXAMPLES = """
python -m benchmarks.start
python -m benchmarks.start --against ../before --rounds 9
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('--against', metavar='CHECKOUT', help='folder of another version')
    parser.add_argument('--rounds', type=int, default=5, help='processes of each (default: 5)')
    parser.add_argument(
        '--config',
        default='bdinvert_inv_toon128',
        help='config of the inversion (default: bdinvert_inv_toon128)',
    )
    args = parser.parse_args(argv)
    parser.check_least(args, 1, 'rounds')
    return args


def measure(checkout: Path, words: list[str]) -> tuple[float, float]:
    """Run a process in a checkout; return its CPU and its wall seconds."""
    env = {**os.environ, 'PYTHONPATH': str(checkout), 'OMP_NUM_THREADS': '1'}
    used, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [sys.executable, *words], cwd=checkout, env=env, capture_output=True, text=True
    )
    wall, now = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f'A process of {checkout} failed: {done.stderr.strip()[-500:]}')
    return now.ru_utime - used.ru_utime + now.ru_stime - used.ru_stime, wall


def main(argv=None):
    args = parse_args(argv)
    if args.against is not None and not Path(args.against, 'tools/invert.py').is_file():
        raise ValueError(f'--against takes the folder of a checkout, but got {args.against!r}')
    checkouts = [ROOT] + ([Path(args.against).resolve()] if args.against else [])
    image = ROOT / 'demo/images/rotated_0.png'
    rows: dict[tuple[str, Path], list[tuple[float, float]]] = {
        (part, checkout): [] for part in PARTS for checkout in checkouts
    }
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(args.rounds):
            for number, ((part, checkout), seconds) in enumerate(rows.items()):
                words = list(PARTS[part])
                if part == 'command to first step':
                    out = Path(folder, f'{turn}_{number}')
                    words += [args.config, str(image), '--out-dir', str(out)]
                    words += ['--steps', '3', '--device', 'cpu']
                seconds.append(measure(checkout, words))
    medians = {key: [statistics.median(side) for side in zip(*row)] for key, row in rows.items()}
    columns = ['CPU s', 'wall s']
    if args.against:
        columns += ['CPU s, other', 'wall s, other', 'CPU ratio']
    print(f'| | {" | ".join(columns)} |\n| --- |{" --- |" * len(columns)}')
    for part in PARTS:
        cells = [value for checkout in checkouts for value in medians[part, checkout]]
        if args.against:
            cells.append(cells[0] / cells[2])
        print(f'| {part} | ' + ' | '.join(f'{value:.2f}' for value in cells) + ' |')


if __name__ == '__main__':
    run_tool(main)
