# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Measure how much faster several processes invert than one: images a second, and the ratio.

Every process has one thread. The time is that from the first process's start of the inversion to
the last image, as in the manifest, without loading. The runs alternate, --rounds times; nothing
else should run on the machine.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from bdinvert_cli.configs import find_config
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.paths import check_images
from bdinvert_cli.running import run_tool

LAUNCHER = Path(__file__).parents[1] / 'tools/dist_invert.sh'

EXAMPLES = """
python -m benchmarks.scaling bdinvert_inv_toon64 demo/images --out-dir scaling --processes 1 2
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('config', help='config of an inverter')
    parser.add_argument('images', nargs='+', help='as for tools/invert.py')
    parser.add_argument('--out-dir', required=True, help='folder for the results')
    parser.add_argument(
        '--processes',
        type=int,
        nargs='+',
        default=[1, 2],
        help='numbers of processes (default: 1 2)',
    )
    parser.add_argument('--rounds', type=int, default=3, help='runs of each (default: 3)')
    parser.add_argument('--batch-size', type=int, default=1, help='images at a time (default: 1)')
    parser.add_argument('--steps', type=int, help="optimisation steps (default: the config's)")
    return parser.parse_args(argv)


def images_a_second(folder: Path) -> float:
    """Read the speed of a run from its manifest."""
    from mmgen_bdinvert.jobs.manifest import manifest_files

    lines = [line for path in manifest_files(folder) for line in path.read_text().splitlines()]
    entries = [json.loads(line) for line in lines]
    starts = [entry['time'] for entry in entries if entry['event'] == 'start']
    ends = [entry['time'] for entry in entries if entry['event'] == 'image']
    return len(ends) / (max(ends) - min(starts))


def run(args, processes: int, folder: Path) -> float:
    """Invert all images with a number of processes."""
    options = ['--out-dir', folder, '--batch-size', args.batch_size, '--restart']
    if args.steps is not None:
        options += ['--steps', args.steps]
    command = ['bash', LAUNCHER, args.config, processes, *args.images, *options]
    env = dict(os.environ, PYTHON=sys.executable, OMP_NUM_THREADS='1')
    subprocess.run([str(part) for part in command], env=env, check=True, stdout=subprocess.DEVNULL)
    return images_a_second(folder)


def main(argv=None):
    args = parse_args(argv)
    find_config(args.config)
    check_images(args.images)
    from mmgen_bdinvert.io import ensure_writable_folder

    out_dir = ensure_writable_folder(args.out_dir)
    rates: dict[int, list[float]] = {count: [] for count in args.processes}
    for _ in range(args.rounds):
        for count, values in rates.items():
            values.append(run(args, count, out_dir / str(count)))
    print('| processes | images/s | against the first |\n| --- | --- | --- |')
    first = statistics.median(rates[args.processes[0]])
    for count, values in rates.items():
        rate = statistics.median(values)
        print(f'| {count} | {rate:.3f} | {rate / first:.2f} |')


if __name__ == '__main__':
    run_tool(main)
