# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""tools/invert.py as a user runs it: as a process where that matters, else inside this one."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmgen_bdinvert.apis import init_generator, render
from mmgen_bdinvert.io import read_image
from mmgen_bdinvert.structures import LatentCode

TOOL = Path(__file__).parents[2] / 'tools' / 'invert.py'
FILES = ['code.safetensors', 'comparison.png', 'losses.png', 'metrics.json', 'reconstruction.png']


@pytest.fixture(scope='module')
def config(tmp_path_factory, make_generator, make_encoder, fit_statistics, generator_config):
    folder = tmp_path_factory.mktemp('tiny')
    generator = make_generator()
    encoder = make_encoder()
    torch.save(generator.generator.state_dict(), folder / 'generator.pth')
    torch.save(encoder.state_dict(), folder / 'encoder.pth')
    fit_statistics(generator).save(folder / 'statistics.safetensors')
    model = dict(
        type='RegularizedInverter',
        generator=dict(
            type='BaseDetailGenerator',
            generator=generator_config(),
            base_size=8,
            checkpoint=str(folder / 'generator.pth'),
        ),
        encoder=dict(
            type='BaseCodeEncoder',
            base_channels=8,
            base_size=8,
            widths=(4, 6, 8),
            checkpoint=str(folder / 'encoder.pth'),
        ),
        statistics=dict(type='LatentStatistics', path=str(folder / 'statistics.safetensors')),
        losses=dict(
            pixel=dict(type='PixelMSELoss'),
            perceptual=dict(type='LPIPSLoss', net='squeeze', backbone='random'),
            base=dict(type='BaseCodeDistance'),
            detail=dict(type='PNormLoss'),
        ),
        num_steps=3,
    )
    Config(dict(model=model)).dump(folder / 'tiny.py')
    return folder / 'tiny.py'


@pytest.fixture()
def photos(tmp_path):
    folder = tmp_path / 'photos'
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(3):
        pixels = rng.integers(0, 256, (40, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f'p{i}.png')
    return folder


@pytest.fixture()
def invert(run_in_process):
    return run_in_process('invert')


def process(*args):
    command = [sys.executable, str(TOOL), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True)


RUN_FILES = [
    'config.py',
    'contact_sheet.png',
    'manifest',
    'report.md',
    'settings.json',
    'summary.csv',
]


def names(folder):
    """List a folder, hidden files (the locks) left out."""
    return sorted(path.name for path in folder.iterdir() if path.name[0] != '.')


def start(*args):
    return subprocess.Popen(
        [sys.executable, str(TOOL), *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A test run in the background of a shell ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def wait_for(running, reached):
    deadline = time.monotonic() + 300
    while not reached():
        assert running.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)


def rows(folder):
    with open(folder / 'summary.csv', newline='') as file:
        return list(csv.DictReader(file))


def is_one_error(err, *words):
    lines = err.splitlines()
    return len(lines) == 1 and lines[0].startswith('error: ') and all(w in lines[0] for w in words)


class TestProcess:
    def test_a_folder_with_a_bad_image(self, config, photos, tmp_path):
        (photos / 'p1.png').write_bytes(b'no picture')
        out = tmp_path / 'out'
        done = process(config, photos, '--out-dir', out, '--steps', 2, '--fit', 'pad')
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

    def test_a_wrong_command(self, config, photos, tmp_path):
        done = process(config, photos, '--out-dir', tmp_path / 'out', '--stepz', 2)
        assert done.returncode == 2 and done.stdout == ''
        assert is_one_error(done.stderr, 'unrecognized arguments: --stepz 2')

    @pytest.mark.parametrize(('signum', 'code'), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_an_interruption_keeps_what_is_finished(self, config, photos, tmp_path, signum, code):
        for i in range(30):
            (photos / f'q{i}.png').write_bytes((photos / 'p0.png').read_bytes())
        out = tmp_path / 'out'
        running = start(config, photos, '--out-dir', out, '--batch-size', 1, '--steps', 20)
        wait_for(running, (out / 'p1' / 'metrics.json').exists)
        # A second run does not touch the folder.
        second = process(config, photos, '--out-dir', out, '--steps', 20)
        assert second.returncode == 2
        assert is_one_error(second.stderr, 'another run is writing to')
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
    def dist(self, config, photos, tmp_path):
        """Return a run of two processes, its output folder, and who inverted what."""
        for i in range(12):
            (photos / f'q{i}.png').write_bytes((photos / 'p0.png').read_bytes())
        out = tmp_path / 'out'

        def run(*args):
            env = dict(os.environ, PYTHON=sys.executable, OMP_NUM_THREADS='1')
            env['PORT'] = str(29900 + os.getpid() % 90)
            command = ['bash', str(TOOL.with_name('dist_invert.sh')), config, 2, photos]
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

    def test_they_share_the_images_and_one_summary(self, dist, photos, invert, config):
        run, out, events = dist
        (photos / 'q1.png').write_bytes(b'no picture')
        running = run('--steps', 20)
        stdout, stderr = running.communicate(timeout=500)
        assert running.returncode == 0, stderr  # else torchrun would start it again
        assert stdout.count('15 images') == 1 and stdout.count('Results: ') == 1
        images = events('image')
        assert sorted(entry['name'] for _, entry in images) == sorted(
            row['name'] for row in rows(out)
        )
        assert {rank for rank, _ in images} == {0, 1}
        assert [r['name'] for r in rows(out) if r['status'] != 'done'] == ['q1']
        code, _, _ = invert(config, photos, '--out-dir', out, '--batch-size', 1, '--steps', 20)
        assert code == 1 and len(events('image')) == len(images)  # nothing to do, but to say so

    def test_under_mpirun_the_first_says_that_images_failed(
        self, config, photos, tmp_path, free_port
    ):
        (photos / 'p1.png').write_bytes(b'no picture')
        command = [sys.executable, TOOL, config, photos, '--out-dir', tmp_path / 'out']
        command = [str(part) for part in (*command, '--steps', 1, '--launcher', 'mpi')]
        env = dict(os.environ, OMP_NUM_THREADS='1', OMPI_COMM_WORLD_SIZE='2')
        env.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(free_port))
        running = []
        for rank in '01':
            env.update(OMPI_COMM_WORLD_RANK=rank, OMPI_COMM_WORLD_LOCAL_RANK=rank)
            running.append(subprocess.Popen(command, env=env))
        assert [process.wait(timeout=500) for process in running] == [1, 0]
        assert [r['status'] for r in rows(tmp_path / 'out')] == ['done', 'failed', 'done']

    def test_one_that_is_killed_loses_only_what_it_was_doing(self, dist):
        run, out, events = dist
        running = run('--steps', 40)
        wait_for(running, lambda: len(events('image')) >= 3 and len(events('start')) == 2)
        victim = next(entry['pid'] for rank, entry in events('start') if rank == 1)
        os.kill(victim, signal.SIGKILL)
        stdout, stderr = running.communicate(timeout=500)
        assert running.returncode == 0, stderr
        assert len(events('start')) == 4  # both were started again
        assert {entry['left'] for _, entry in events('start')[1::2]} != {15}
        done = [entry['name'] for _, entry in events('image')]
        assert sorted(done) == sorted(row['name'] for row in rows(out))
        assert {row['status'] for row in rows(out)} == {'done'} and len(done) == 15


class TestBadInput:
    def test_images_none_of_which_can_be_read(self, invert, config, tmp_path):
        (tmp_path / 'a.png').touch()
        (tmp_path / 'b.txt').write_text('text')
        code, out, err = invert(
            config, tmp_path / 'a.png', tmp_path / 'b.txt', '--out-dir', tmp_path / 'out'
        )
        assert code == 1
        assert [line[:7] for line in err.splitlines()] == ['error: ', 'error: ']
        assert [row['status'] for row in rows(tmp_path / 'out')] == ['failed', 'failed']

    def test_an_image_that_is_stopped(self, invert, config, photos, tmp_path):
        out = tmp_path / 'out'
        options = ('--cfg-options', 'model.optimizer.type=Adam', 'model.optimizer.lr=1e30')
        options += ('model.num_steps=8',)  # every other step breaks, the fourth time is the last
        code, _, err = invert(config, photos / 'p0.png', '--out-dir', out, *options)
        assert code == 1
        assert is_one_error(err, 'p0.png', 'became non-finite 4 times, at last at step 7')
        assert names(out / 'p0') == FILES
        assert rows(out)[0]['status'] == 'stopped'
        LatentCode.load(out / 'p0' / 'code.safetensors')  # it would refuse NaN

    @pytest.mark.parametrize(
        ('change', 'words'),
        [
            ({'config': 'none.py'}, ['no config', 'none.py']),
            ({'config': 'broken.py'}, ['broken.py', 'cannot be read']),
            ({'images': 'none.png'}, ['none.png', 'does not exist']),
            ({'images': 'empty'}, ['empty', 'holds no image']),
            ({'out': 'file'}, ['file', 'choose another folder']),
            ({'out': 'file/below'}, ['below', 'cannot be written']),
            ({'more': ['--device', 'gpu']}, ["'gpu' is not available"]),
            ({'more': ['--fit', 'stretch']}, ['--fit', 'stretch']),
            ({'more': ['--steps', '-1']}, ['--steps must be 0 or more, but got -1']),
            ({'more': ['--batch-size', '-2']}, ['--batch-size must be 1 or more']),
            ({'more': ['--cfg-options', 'num_steps=3']}, ['model.<name>', 'num_steps']),
            ({'more': ['--cfg-options', 'steps']}, ['key=value', 'steps']),
        ],
    )
    def test_a_wrong_command_is_refused_before_a_network_is_built(
        self, invert, config, photos, tmp_path, monkeypatch, change, words
    ):
        monkeypatch.chdir(tmp_path)
        Path('broken.py').write_text('model = dict(')
        Path('empty').mkdir()
        Path('file').touch()
        monkeypatch.setattr('mmgen_bdinvert.apis.init_inverter', lambda *args: 1 / 0)
        inputs = (change.get('config', config), change.get('images', photos))
        out = change.get('out', 'out')
        code, out, err = invert(*inputs, '--out-dir', out, *change.get('more', []))
        assert (code, out) == (2, '')
        assert is_one_error(err, *words), err

    @pytest.mark.parametrize(
        ('more', 'words'),
        [
            (['--checkpoint', 'none.pth'], ['none.pth']),
            (['--cfg-options', 'model.type=NoInverter'], ["type 'NoInverter'"]),
            (['--cfg-options', 'model.num_stepz=3'], ["argument 'num_stepz'"]),
            (['--cfg-options', 'model.generator.checkpoint=none.pth'], ['none.pth']),
            (['--cfg-options', 'model.generator.generator.num_mlps=3'], ['does not fit']),
        ],
    )
    def test_parts_that_are_missing_or_do_not_fit(
        self, invert, config, photos, tmp_path, more, words
    ):
        code, out, err = invert(config, photos, '--out-dir', tmp_path / 'out', *more)
        assert (code, out) == (2, '')
        assert is_one_error(err, *words), err


def test_random_weights_are_said(invert, config, photos, tmp_path):
    more = ('--steps', 1, '--cfg-options', 'model.encoder.checkpoint=None')
    code, _, err = invert(config, photos / 'p0.png', '--out-dir', tmp_path / 'out', *more)
    assert code == 0
    assert 'note: the encoder has random weights' in err and 'generator' not in err


def test_a_good_run_in_this_process(invert, config, photos, tmp_path):
    """All inverted: exit code 0; the encoder of --checkpoint is the one that is used."""
    more = ('--steps', 1, '--vis', 'LocalVisBackend')
    code, out, _ = invert(config, photos, '--out-dir', tmp_path / 'one', *more)
    assert code == 0 and '3 images' in out
    assert len(list((tmp_path / 'one/vis_data/vis_image').glob('[!.]*'))) == 3
    assert 'Nothing was left' not in out
    code, out, _ = invert(config, photos, '--out-dir', tmp_path / 'one', '--steps', 1)
    assert code == 0 and '\nNothing was left to do.\nResults: ' in out
    more = ('--vis', 'Nothing', '--restart')
    code, _, err = invert(config, photos, '--out-dir', tmp_path / 'one', *more)
    assert code == 2 and is_one_error(err, "There is no visualisation backend 'Nothing'"), err
    weights = torch.load(config.parent / 'encoder.pth', weights_only=True)
    weights['model.33.bias'] += 1.0
    torch.save(weights, tmp_path / 'other.pth')
    more = ('--checkpoint', tmp_path / 'other.pth', '--steps', 1)
    assert invert(config, photos, '--out-dir', tmp_path / 'two', *more)[0] == 0
    one, two = (LatentCode.load(tmp_path / d / 'p0/code.safetensors') for d in ('one', 'two'))
    # One step of Adam moves a value by the learning rate, 0.01.
    torch.testing.assert_close(two.base, one.base + 1.0, atol=0.03, rtol=0)
    assert 'other.pth' in (tmp_path / 'two' / 'config.py').read_text()


def test_a_preset_is_recorded_with_the_results(invert, config, photos, tmp_path):
    out = tmp_path / 'out'
    args = (config, photos / 'p0.png', '--out-dir', out, '--device', 'cpu', '--preset', 'draft')
    code, _, err = invert(*args, '--steps', 2)
    assert code == 0, err
    model = Config.fromfile(out / 'config.py').model
    assert (model.num_steps, model.optimizer.type, model.keep_best) == (2, 'ImageLBFGS', True)
    code, _, err = invert(*args[:-1], 'paper', '--steps', 2)
    assert code == 2 and 'model' in err and err.strip().count('\n') == 0
