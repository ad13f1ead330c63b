# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""``bdinvert invert`` in other processes: whole runs, interruptions, several at once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mmgen_bdinvert.apis import init_generator, render
from mmgen_bdinvert.io import read_image
from mmgen_bdinvert.structures import LatentCode
from tests.fixtures.forked import run_forked, start_forked
from tests.fixtures.results import FILES, is_one_error, names, rows

TOOL = Path(__file__).parents[2] / 'tools' / 'invert.py'
RUN_FILES = [
    'config.py',
    'contact_sheet.png',
    'manifest',
    'report.md',
    'settings.json',
    'summary.csv',
]


@pytest.fixture()
def invert(run_in_process):
    return run_in_process('invert')


def process(*args):
    return run_forked('invert', *args)


def wait_for(running, reached):
    deadline = time.monotonic() + 300
    while not reached():
        assert running.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)


class TestProcess:
    def test_a_folder_with_a_bad_image(self, tiny_config, photos, tmp_path):
        (photos / 'p1.png').write_bytes(b'no picture')
        out = tmp_path / 'out'
        done = process(tiny_config, photos, '--out-dir', out, '--steps', 2, '--fit', 'pad')
        assert done.returncode == 1
        assert names(out) == sorted([*RUN_FILES, 'p0', 'p2'])
        assert names(out / 'p0') == names(out / 'p2') == FILES
        assert [row['status'] for row in rows(out)] == ['done', 'failed', 'done']
        first, second, third = done.stderr.splitlines()
        assert first.startswith('error: ') and 'not an image' in first
        assert second.startswith('p0: ') and third.startswith('p2: ')
        assert done.stdout.splitlines()[0].strip() == '3 images'  # and no news of the host
        assert 'Nothing was left' not in done.stdout
        assert 'mean' in done.stdout and done.stdout.endswith(f'Results: {out}\n')
        metrics = json.loads((out / 'p0' / 'metrics.json').read_text())
        assert (metrics['steps'], metrics['fit']) == (2, 'pad')

        generator = init_generator(out / 'config.py', 'cpu')
        code = LatentCode.load(out / 'p0' / 'code.safetensors', generator)
        saved = read_image(out / 'p0' / 'reconstruction.png').astype(int)
        assert np.abs(saved - render(generator, code)[0]).max() <= 1

    def test_a_wrong_command(self, tiny_config, photos, tmp_path):
        done = process(tiny_config, photos, '--out-dir', tmp_path / 'out', '--stepz', 2)
        assert done.returncode == 2 and done.stdout == ''
        assert is_one_error(done.stderr, 'unrecognized arguments: --stepz 2')

    @pytest.mark.parametrize(('signum', 'code'), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_an_interruption_keeps_what_is_finished(
        self, tiny_config, photos, tmp_path, invert, signum, code
    ):
        for i in range(30):
            (photos / f'q{i}.png').write_bytes((photos / 'p0.png').read_bytes())
        out = tmp_path / 'out'
        args = (tiny_config, photos, '--out-dir', out, '--steps', 20)
        running = start_forked('invert', *args, '--batch-size', 1)
        wait_for(running, (out / 'p1' / 'metrics.json').exists)
        # A second run does not touch the folder.
        second, _, err = invert(*args)
        assert second == 2 and is_one_error(err, 'another run is writing to')
        running.send_signal(signum)
        stdout, stderr = running.communicate(timeout=120)
        assert running.returncode == code, stderr
        assert 'Traceback' not in stderr
        finished = [row['name'] for row in rows(out)]
        assert finished[:2] == ['p0', 'p1'] and len(finished) < 33
        assert all(names(out / name) == FILES for name in finished)
        assert f'interrupted; {len(finished)} images are finished' in stderr
        assert (out / 'contact_sheet.png').is_file() and (out / 'report.md').is_file()


class TestProcesses:
    """Several processes, as ``tools/dist_invert.sh`` starts them."""

    @pytest.fixture()
    def dist(self, tiny_config, photos, tmp_path, free_port):
        """Return a run of two processes, its output folder, and who inverted what."""
        for i in range(7):
            (photos / f'q{i}.png').write_bytes((photos / 'p0.png').read_bytes())
        out = tmp_path / 'out'

        def run(*args):
            env = dict(os.environ, PYTHON=sys.executable, OMP_NUM_THREADS='1', PORT=str(free_port))
            command = ['bash', str(TOOL.with_name('dist_invert.sh')), tiny_config, 2, photos]
            command = [str(part) for part in (*command, '--out-dir', out, '--batch-size', 1, *args)]
            pipe = subprocess.PIPE
            return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=env)

        def events(event):
            lines = [
                (int(path.stem), json.loads(line))
                for path in sorted((out / 'manifest').glob('[0-9]*.jsonl'))
                for line in path.read_text().splitlines()
            ]
            return [(rank, entry) for rank, entry in lines if entry['event'] == event]

        return run, out, events

    def test_they_share_the_images_and_one_summary(self, dist, photos, invert, tiny_config):
        run, out, events = dist
        (photos / 'q1.png').write_bytes(b'no picture')
        running = run('--steps', 5)
        stdout, stderr = running.communicate(timeout=500)
        assert running.returncode == 0, stderr  # else torchrun would start it again
        assert stdout.count('10 images') == 1 and stdout.count('Results: ') == 1
        images = events('image')
        assert sorted(entry['name'] for _, entry in images) == sorted(
            row['name'] for row in rows(out)
        )
        assert {rank for rank, _ in images} == {0, 1}
        assert [r['name'] for r in rows(out) if r['status'] != 'done'] == ['q1']
        code, _, _ = invert(tiny_config, photos, '--out-dir', out, '--batch-size', 1, '--steps', 5)
        assert code == 1 and len(events('image')) == len(images)  # nothing to do, but to say so

    def test_under_mpirun_the_first_says_that_images_failed(
        self, tiny_config, photos, tmp_path, free_port
    ):
        (photos / 'p1.png').write_bytes(b'no picture')
        args = (tiny_config, photos, '--out-dir', tmp_path / 'out', '--steps', 1)
        env = dict(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(free_port), OMPI_COMM_WORLD_SIZE='2')
        running = []
        for rank in '01':
            env.update(OMPI_COMM_WORLD_RANK=rank, OMPI_COMM_WORLD_LOCAL_RANK=rank)
            running.append(start_forked('invert', *args, '--launcher', 'mpi', env=env))
        assert [process.wait(timeout=500) for process in running] == [1, 0]
        assert [r['status'] for r in rows(tmp_path / 'out')] == ['done', 'failed', 'done']

    @pytest.mark.long
    def test_one_that_is_killed_loses_only_what_it_was_doing(self, dist):
        run, out, events = dist
        running = run('--steps', 40)
        wait_for(running, lambda: len(events('image')) >= 3 and len(events('start')) == 2)
        victim = next(entry['pid'] for rank, entry in events('start') if rank == 1)
        os.kill(victim, signal.SIGKILL)
        stdout, stderr = running.communicate(timeout=500)
        assert running.returncode == 0, stderr
        assert len(events('start')) == 4  # both were started again
        assert {entry['left'] for _, entry in events('start')[1::2]} != {10}
        done = [entry['name'] for _, entry in events('image')]
        assert sorted(done) == sorted(row['name'] for row in rows(out))
        assert {row['status'] for row in rows(out)} == {'done'} and len(done) == 10
