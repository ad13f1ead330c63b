# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Kill inversions at random moments, and compare what comes out with a run that was left alone.

The images are inverted once undisturbed, into OUT_DIR/undisturbed, and once into OUT_DIR/killed,
where a process gets SIGKILL again and again: one time in ten while it starts, else while it
computes or writes. At the end every image must have been inverted exactly once, every file must
load, nothing half-written may be left, and every code must be that of the undisturbed run. With
--minutes it goes on, over and over, for that long, and reports how the memory of the processes
grows: a soak.

OUT_DIR/kill_inversion.json gets the figures. Exit code: 0 if nothing was lost, else 1. Linux only.
"""

from __future__ import annotations

if __name__ == '__main__':  # Ctrl-C while the rest is imported
    from bdinvert_cli.running import leave_at_once

    leave_at_once()

import json
import os
import random
import signal
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import torch
from PIL import Image

from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import run_tool
from mmgen_bdinvert.io import ensure_writable_folder, find_sources
from mmgen_bdinvert.io.tables import save_json
from mmgen_bdinvert.jobs import read_outcomes
from mmgen_bdinvert.jobs.manifest import manifest_files, read_events
from mmgen_bdinvert.jobs.results import RESULT_FILES
from mmgen_bdinvert.structures import LatentCode

TOOL = Path(__file__).parents[2] / 'tools' / 'invert.py'
EARLY = 0.1  # share of the kills that may come before the inversion begins
SETTLED = 60  # seconds after which a process has loaded what it needs


EXAMPLES = """
python tests/robustness/kill_inversion.py bdinvert_inv_toon64 photos/ --out-dir out --kills 10
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('config', help='config of an inverter')
    parser.add_argument('images', nargs='+', help='as for tools/invert.py')
    parser.add_argument('--out-dir', required=True, help='an empty folder for the results')
    parser.add_argument('--kills', type=int, default=50, help='kills at least: 50')
    parser.add_argument('--every', type=float, default=2.0, help='mean seconds between them: 2')
    parser.add_argument('--minutes', type=float, help='go on for so long, whatever --kills says')
    parser.add_argument('--processes', type=int, default=1, help='more run under torchrun: 1')
    parser.add_argument('--batch-size', type=int, default=1, help='images at a time: 1')
    parser.add_argument('--steps', type=int, help="optimisation steps instead of the config's")
    parser.add_argument('--port', type=int, default=29700, help='where processes meet: 29700')
    parser.add_argument('--seed', type=int, default=0, help='of the moments: 0')
    parser.add_cfg_options()
    return parser.parse_args(argv)


class Runs:
    """Starts inversions into one folder, and kills them."""

    def __init__(self, args, out_dir: Path, log) -> None:
        self.args, self.out_dir, self.log = args, out_dir, log
        self.memory: list[float] = []  # growth of processes in MiB an hour

    def start(self, restart: bool = False) -> psutil.Popen:
        args = self.args
        options = ['--out-dir', self.out_dir, '--batch-size', args.batch_size]
        if args.steps is not None:
            options += ['--steps', args.steps]
        if restart:
            options.append('--restart')
        launch: list = [sys.executable]
        if args.processes > 1:
            launch += ['-m', 'torch.distributed.run', '--nproc_per_node', args.processes]
            launch += ['--master_port', args.port, '--max_restarts', 10**6]
            options += ['--launcher', 'pytorch']
        for key, value in (args.cfg_options or {}).items():
            options += ['--cfg-options', f'{key}={value}']
        command = [*launch, TOOL, args.config, *args.images, *options]
        return psutil.Popen([str(part) for part in command], stdout=self.log, stderr=self.log)

    def workers(self, running: psutil.Popen) -> list[psutil.Process]:
        """List the processes that invert: the run itself, or what torchrun started."""
        if self.args.processes == 1:
            return [running]
        try:
            return [p for p in running.children() if str(TOOL) in p.cmdline()]
        except psutil.Error:
            return []

    def undisturbed(self) -> None:
        if self.start().wait() not in (0, 1):
            raise RuntimeError(f'The undisturbed run failed: see {self.log.name}.')

    def killed(self) -> tuple[int, int]:
        """Kill until there were enough; return the numbers of kills and of whole runs."""
        args, rng = self.args, random.Random(self.args.seed)
        end = None if args.minutes is None else time.monotonic() + 60 * args.minutes
        kills = finished = 0
        running = self.start()
        while True:
            if rng.random() < EARLY:
                waited = self._wait(running, rng.uniform(0, 10))
            else:
                # Exponential: as often right after the start as at any other moment.
                waited = self._wait_for_start(running)
                waited = waited and self._wait(running, rng.expovariate(1 / args.every))
            enough = kills >= args.kills if end is None else time.monotonic() > end
            if enough:
                running.wait()
                return kills, finished + 1
            if not waited:  # it ended before its moment
                finished += 1
                running = self.start(restart=True)
                continue
            victims = self.workers(running)
            if victims:
                try:
                    rng.choice(victims).send_signal(signal.SIGKILL)
                    kills += 1
                except psutil.Error:
                    continue
            if args.processes == 1:
                running.wait()
                running = self.start()

    def _wait_for_start(self, running: psutil.Popen) -> bool:
        """Wait until all processes have networks and images; False if the run ended meanwhile."""
        while running.poll() is None:
            waiting = {process.pid for process in self.workers(running)}
            started = set()
            for path in manifest_files(self.out_dir):
                lines = path.read_text().splitlines()
                entries = [json.loads(line) for line in lines if _is_json(line)]
                started |= {e['pid'] for e in entries if e['event'] == 'start'}
            if waiting and waiting <= started:
                return True
            time.sleep(0.1)
        return False

    def _wait(self, running: psutil.Popen, seconds: float) -> bool:
        """Wait, and watch the memory; False if the run ended meanwhile."""
        end, seen = time.monotonic() + seconds, {}
        while time.monotonic() < end:
            if running.poll() is not None:
                return False
            for process in self.workers(running):
                try:
                    age = time.time() - process.create_time()
                    if age > SETTLED:
                        size = process.memory_info().rss / 2**20
                        seen.setdefault(process.pid, []).append((age, size))
                except psutil.Error:
                    continue
            time.sleep(min(1.0, max(0.0, end - time.monotonic())))
        for samples in seen.values():
            if len(samples) >= 60:
                ages, sizes = zip(*samples)
                self.memory.append(3600 * statistics.linear_regression(ages, sizes).slope)
        return running.poll() is None


def problems_of(out_dir: Path, expected: Path) -> tuple[list[str], float]:
    """Compare a folder with that of the undisturbed run.

    Returns:
        tuple[list[str], float]: What is wrong, and the largest difference of two codes.
    """
    problems, gap = [], 0.0
    outcomes, wanted = read_outcomes(out_dir), read_outcomes(expected)
    for name in wanted.keys() - outcomes.keys():
        problems.append(f'{name} is lost')
    # Since the last restart, which empties the manifest, each image has one record.
    records = Counter(record['name'] for record in read_events(out_dir, 'image'))
    problems += [f'{name} was inverted {n} times' for name, n in records.items() if n != 1]
    for path in manifest_files(out_dir):
        lines = path.read_bytes().split(b'\n')
        problems += [f'{path} has a broken line' for line in lines[:-1] if not _is_json(line)]
    problems += [f'{path} was left behind' for path in out_dir.rglob('.mmgen_bdinvert-*.tmp*')]
    for name, outcome in wanted.items():
        found = outcomes.get(name)
        if found is None or found.status != outcome.status:
            problems.append(f'{name} is {found and found.status}, not {outcome.status}')
        elif outcome.status != 'failed':
            try:
                gap = max(gap, _difference(out_dir / name, expected / name))
            except (OSError, ValueError, SyntaxError) as error:
                problems.append(f'{name} cannot be read: {error}')
    return problems, gap


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _difference(folder: Path, expected: Path) -> float:
    """Load all files of a result; return how far its code is from the expected one."""
    for file in RESULT_FILES:
        if file.endswith('.png'):
            with Image.open(folder / file) as image:
                image.load()
        elif file.endswith('.json'):
            json.loads((folder / file).read_text())
    one, two = (LatentCode.load(path / 'code.safetensors') for path in (folder, expected))
    gaps = ((a - b).abs().max() for a, b in ((one.base, two.base), (one.detail, two.detail)))
    return float(torch.stack(list(gaps)).max())


def main(argv=None):
    args = parse_args(argv)
    out_dir = ensure_writable_folder(args.out_dir)
    if any(out_dir.iterdir()):
        raise ValueError(f'--out-dir is an empty folder, but {args.out_dir!r} is not.')
    count = len(find_sources(args.images))
    with open(out_dir / 'log.txt', 'w') as log:
        Runs(args, out_dir / 'undisturbed', log).undisturbed()
        began = time.monotonic()
        runs = Runs(args, out_dir / 'killed', log)
        kills, finished = runs.killed()
    problems, gap = problems_of(out_dir / 'killed', out_dir / 'undisturbed')
    figures = {
        'images': count,
        'processes': args.processes,
        'kills': kills,
        'whole_runs': finished,
        'minutes': round((time.monotonic() - began) / 60, 1),
        'largest_difference_of_a_code': gap,
        'problems': problems,
        'memory_growth_mib_per_hour': [round(slope, 2) for slope in runs.memory],
    }
    save_json(out_dir / 'kill_inversion.json', figures)
    for problem in problems:
        print(f'error: {problem}', file=sys.stderr)
    print(f'{count} images, {kills} kills, {finished} whole runs, {len(problems)} problems')
    print(f'Largest difference of a code from the undisturbed run: {gap:g}')
    return int(bool(problems))


if __name__ == '__main__':
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    run_tool(main)
