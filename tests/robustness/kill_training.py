# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Kill a training at random moments, resume it, and compare it with one that was left alone.

tools/train.py trains once undisturbed, into OUT_DIR/undisturbed, and once into OUT_DIR/killed_1,
where it gets SIGKILL again and again, and is started again with --resume: one time in ten while it
starts, four times while it computes, five times within milliseconds of a change of a checkpoint.
When a training ends before there were enough kills, another one begins, in OUT_DIR/killed_2. At
the end each must have logged the losses and metrics of every iteration that the undisturbed one
logged, to the last bit and whenever it repeated one, every checkpoint must load, and the last and
the best one must hold the same numbers. It all runs on the CPU, in one process.

OUT_DIR/kill_training.json gets the figures. Exit code: 0 if everything was the same, else 1.
"""

from __future__ import annotations

if __name__ == '__main__':  # Ctrl-C while the rest is imported
    from bdinvert_cli.running import leave_at_once

    leave_at_once()

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import torch

from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import run_tool
from mmgen_bdinvert.io import ensure_writable_folder
from mmgen_bdinvert.io.tables import save_json
from mmgen_bdinvert.models.checkpoint import read_checkpoint

TOOL = Path(__file__).parents[2] / 'tools' / 'train.py'
SETTINGS = {
    'default_hooks.checkpoint.interval': 2,
    'default_hooks.logger.interval': 1,  # each iteration has a record, and of itself alone
    'log_processor.window_size': 1,
    'train_cfg.val_interval': 4,
}
MOMENTS = {'starting': 0.1, 'computing': 0.4, 'writing': 0.5}
STARTING = 10.0  # seconds within which a process starts
WRITING = 0.02  # seconds within which a checkpoint is written
CLOCKS = ('time', 'data_time')  # what no two runs share


EXAMPLES = """
python tests/robustness/kill_training.py bdinvert_enc_toon64 --out-dir out --kills 10
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('config', help='config of a training')
    parser.add_argument('--out-dir', required=True, help='an empty folder for the trainings')
    parser.add_argument('--kills', type=int, default=20, help='kills: 20')
    parser.add_argument('--every', type=float, default=2.0, help='mean seconds between them: 2')
    parser.add_argument('--seed', type=int, default=0, help='of the moments: 0')
    parser.add_cfg_options()
    return parser.parse_args(argv)


class Training:
    """Trains into one folder, in one process after the other."""

    def __init__(self, args, work_dir: Path, log) -> None:
        self.args, self.work_dir, self.log = args, work_dir, log
        self.logs = 0  # of earlier processes

    def start(self) -> subprocess.Popen:
        self.logs = len(logs_of(self.work_dir))
        options = {**SETTINGS, **(self.args.cfg_options or {})}
        command = [sys.executable, TOOL, self.args.config, '--work-dir', self.work_dir, '--resume']
        command += ['--cfg-options', *(f'{key}={value}' for key, value in options.items())]
        env = {**os.environ, 'CUDA_VISIBLE_DEVICES': ''}
        command = [str(part) for part in command]
        return subprocess.Popen(command, stdout=self.log, stderr=self.log, env=env)

    def await_moment(self, running: subprocess.Popen, kind: str, rng: random.Random) -> None:
        """Wait for a moment of this kind, or for the end of the training."""
        if kind == 'starting':
            self._wait(running, rng.uniform(0, STARTING))
            return
        while running.poll() is None and len(logs_of(self.work_dir)) == self.logs:
            time.sleep(0.05)
        # Exponential: as often right after the start as at any other moment.
        self._wait(running, rng.expovariate(1 / self.args.every))
        if kind == 'writing':
            before = self.work_dir.stat().st_mtime_ns  # changes when a file is made or replaced
            while running.poll() is None and self.work_dir.stat().st_mtime_ns == before:
                time.sleep(0.001)
            time.sleep(rng.uniform(0, WRITING))

    @staticmethod
    def _wait(running: subprocess.Popen, seconds: float) -> None:
        try:
            running.wait(seconds)
        except subprocess.TimeoutExpired:
            pass


def train_and_kill(args, out_dir: Path, log) -> tuple[list[Path], Counter]:
    """Kill and resume trainings until there were enough kills.

    Returns:
        tuple[list[Path], Counter]: The folders of the trainings, and the numbers of kills by the
        kind of the moment, with those that left a file half-written as 'within a file'.

    Raises:
        RuntimeError: A training failed.
    """
    rng, moments, folders, kills = random.Random(args.seed), Counter(), [], 0
    while not folders or kills < args.kills:
        folders.append(out_dir / f'killed_{len(folders) + 1}')
        training = Training(args, folders[-1], log)
        running = training.start()
        while kills < args.kills:
            (kind,) = rng.choices(list(MOMENTS), list(MOMENTS.values()))
            training.await_moment(running, kind, rng)
            if running.poll() is not None:
                break
            running.kill()
            running.wait()
            kills += 1
            moments[kind] += 1
            moments['within a file'] += any(training.work_dir.rglob('.mmgen_bdinvert-*.tmp*'))
            running = training.start()
        if running.wait() != 0:
            raise RuntimeError(f'The training in {folders[-1]} failed: see {log.name}.')
    return folders, moments


def logs_of(work_dir: Path) -> list[Path]:
    return sorted(work_dir.glob('*/vis_data/scalars.json'))


def curves_of(work_dir: Path) -> dict[tuple[int, str], list[float]]:
    """Read all that was logged of each iteration and name, in the order of time."""
    curves = defaultdict(list)
    for path in logs_of(work_dir):
        for line in path.read_text().splitlines(keepends=True):
            if not line.endswith('\n'):  # the process was killed while it wrote it
                continue
            record = json.loads(line)
            for name in record.keys() - {*CLOCKS, 'step', 'iter'}:
                curves[record['step'], name].append(record[name])
    return curves


def problems_of(work_dir: Path, expected: Path) -> list[str]:
    """Say what a training and the undisturbed one do not have in common."""
    problems = []
    curves = curves_of(work_dir)
    for (step, name), (value,) in sorted(curves_of(expected).items()):
        found = curves.get((step, name), [])
        if not found:
            problems.append(f'{name} of iteration {step} was not logged')
        problems += [f'{name} of iteration {step} is {v}, not {value}' for v in found if v != value]
    problems += [f'{path} was left behind' for path in work_dir.rglob('.mmgen_bdinvert-*.tmp*')]
    for path in work_dir.glob('*.pth'):
        try:
            read_checkpoint(path)
        except ValueError as error:
            problems.append(str(error))
    for name in {path.name for path in (*best_of(work_dir), *best_of(expected), last_of(expected))}:
        try:
            one, two = (read_checkpoint(folder / name) for folder in (work_dir, expected))
            for part in ('state_dict', 'optimizer'):
                torch.testing.assert_close(one.get(part), two.get(part), rtol=0, atol=0)
        except (ValueError, OSError, AssertionError) as error:
            problems.append(f'{name} is not the same: {" ".join(str(error).split())}')
    return problems


def last_of(work_dir: Path) -> Path:
    return work_dir / Path((work_dir / 'last_checkpoint').read_text()).name


def best_of(work_dir: Path) -> list[Path]:
    return list(work_dir.glob('best_*.pth'))


def main(argv=None):
    args = parse_args(argv)
    out_dir = ensure_writable_folder(args.out_dir)
    if any(out_dir.iterdir()):
        raise ValueError(f'--out-dir is an empty folder, but {args.out_dir!r} is not.')
    undisturbed = out_dir / 'undisturbed'
    began = time.monotonic()
    with open(out_dir / 'log.txt', 'w') as log:
        if Training(args, undisturbed, log).start().wait() != 0:
            raise RuntimeError(f'The undisturbed training failed: see {log.name}.')
        folders, moments = train_and_kill(args, out_dir, log)
    problems = [f'{f.name}: {p}' for f in folders for p in problems_of(f, undisturbed)]
    logged = [item for folder in folders for item in curves_of(folder).items()]
    losses = [values for (_, name), values in logged if name == 'loss']
    figures = {
        'kills': args.kills,
        'moments': dict(moments),
        'trainings': len(folders),
        'iterations': len(losses),
        'repeated_iterations': sum(len(values) > 1 for values in losses),
        'minutes': round((time.monotonic() - began) / 60, 1),
        'problems': problems,
    }
    save_json(out_dir / 'kill_training.json', figures)
    for problem in problems:
        print(f'error: {problem}', file=sys.stderr)
    print(f'{figures["trainings"]} trainings, {args.kills} kills, {len(problems)} problems')
    return int(bool(problems))


if __name__ == '__main__':
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    run_tool(main)
