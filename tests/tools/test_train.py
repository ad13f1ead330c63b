# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""``tools/train.py``, as a user runs it."""

from __future__ import annotations

import importlib.util
import itertools
import os
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmgen.registry import MODULES
from safetensors.torch import save_file

from bdinvert_cli.running import run_tool
from mmgen_bdinvert.engine import running
from mmgen_bdinvert.models import BaseCodeEncoder
from mmgen_bdinvert.models.checkpoint import read_state_dict
from tests.fixtures.forked import run_forked
from tests.fixtures.shell import shell, the_error

ROOT = Path(__file__).parents[2]
GENERATOR = dict(
    type='NarrowStyleGANv2Generator',
    out_size=32,
    style_channels=16,
    num_mlps=2,
    channels={4: 8, 8: 8, 16: 8, 32: 8},
)
CONFIG = f"""
_base_ = ['{ROOT}/configs/_base_/encoder_training.py']
model = dict(
    generator=dict(
        type='BaseDetailGenerator', base_size=8, checkpoint='GENERATOR', generator={GENERATOR}
    ),
    encoder=dict(type='BaseCodeEncoder', base_channels=8, base_size=8, widths=(4, 6, 8)),
    losses=dict(_delete_=True, pixel=dict(type='PixelMSELoss')),
)
train_dataloader = dict(batch_size=2)
val_dataloader = dict(dataset=dict(length=4))
val_evaluator = dict(_delete_=True, type='ReconstructionMetric', prefix='reconstruction')
default_hooks = dict(checkpoint=dict(interval=2, save_best='reconstruction/psnr', rule='greater'))
train_cfg = dict(max_iters=4, val_interval=4)
"""
# A proxy that refuses connections: nothing is downloaded, wherever the tests run.
OFFLINE = dict(http_proxy='http://127.0.0.1:9', https_proxy='http://127.0.0.1:9')
NAMES = (f'train_{i}' for i in itertools.count())


def load_tool(name):
    spec = importlib.util.spec_from_file_location(f'tool_{name}', ROOT / 'tools' / f'{name}.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


TRAIN = load_tool('train')
ENCODE = BaseCodeEncoder.forward


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    """Make two generators of one architecture, and a config for the first."""
    folder = tmp_path_factory.mktemp('project')
    with torch.random.fork_rng(devices=[]):
        for name in ('generator', 'other'):
            torch.manual_seed(len(name))
            save_file(MODULES.build(GENERATOR).state_dict(), folder / f'{name}.safetensors')
    text = CONFIG.replace('GENERATOR', str(folder / 'generator.safetensors'))
    (folder / 'enc.py').write_text(text)
    return folder


@pytest.fixture(scope='module')
def trained(project):
    """Train for two iterations with the tool as a subprocess, and distributed as on a GPU."""
    args = ['--work-dir', project / 'two', '--cfg-options', 'train_cfg.max_iters=2']
    env = dict(CUDA_VISIBLE_DEVICES='-1', PORT=str(29600 + os.getpid() % 300))
    done = shell('dist_train.sh', project / 'enc.py', 1, *args, **env)
    assert done.returncode == 0, done.stderr
    assert 'Distributed launcher: pytorch' in done.stdout
    return project / 'two'


@pytest.fixture()
def train(capsys):
    """Run the tool in this process; return its exit code and the last line on stderr."""

    def call(*args, options=()):
        options = [f'experiment_name={next(NAMES)}', 'log_level=ERROR', *options]
        try:
            code = run_tool(TRAIN.main, [*map(str, args), '--cfg-options', *options])
        except SystemExit as e:
            code = e.code
        lines = capsys.readouterr().err.strip().splitlines()
        return code, lines[-1] if lines else ''

    return call


def assert_same_weights(one, two):
    one, two = read_state_dict(one), read_state_dict(two)
    assert set(one) == set(two)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_training_writes_checkpoints_validation_and_the_picture(project, trained, train):
    assert (trained / 'last_checkpoint').read_text() == str(trained / 'iter_2.pth')
    assert (trained / 'best_reconstruction_psnr_iter_2.pth').is_file()
    assert (trained / 'vis' / 'val_000002.png').is_file()
    weights = read_state_dict(trained / 'iter_2.pth')
    assert all(name.startswith('encoder.') for name in weights)  # the generator has its own file
    # mmengine has written down the config, overrides included, and it can be trained from.
    assert Config.fromfile(trained / 'enc.py').train_cfg.max_iters == 2
    assert train(trained / 'enc.py', '--work-dir', project / 'again') == (0, '')
    assert_same_weights(project / 'again' / 'iter_2.pth', trained / 'iter_2.pth')


@pytest.mark.parametrize('given', [[], ['iter_2.pth']], ids=['latest', 'named'])
def test_training_that_stops_and_resumes_gives_the_same_weights(project, trained, train, given):
    whole = project / 'whole'
    if not whole.exists():
        assert train(project / 'enc.py', '--work-dir', whole) == (0, '')
    work_dir = trained if not given else project / 'resumed'
    resume = ['--resume', *(trained / name for name in given)]
    assert train(project / 'enc.py', '--work-dir', work_dir, *resume) == (0, '')
    assert_same_weights(work_dir / 'iter_4.pth', whole / 'iter_4.pth')
    first, last = (read_state_dict(whole / f'iter_{i}.pth') for i in (2, 4))
    assert any(not torch.equal(first[name], last[name]) for name in first)


def test_the_first_start_of_a_training_that_resumes_takes_load_from(project, trained, train):
    work_dir, weights = project / 'loaded', trained / 'iter_2.pth'
    options = [f'load_from={weights}', 'optim_wrapper.optimizer.lr=0.0', 'train_cfg.max_iters=2']
    args = (project / 'enc.py', '--work-dir', work_dir, '--resume')
    assert train(*args, options=options) == (0, '')
    first, loaded = read_state_dict(work_dir / 'iter_2.pth'), read_state_dict(weights)
    assert all(torch.equal(first[k], v) for k, v in loaded.items() if k.endswith('.weight'))
    options[-1:] = ['train_cfg.max_iters=4']
    options[0] = f'load_from={project / "gone.pth"}'  # has been read: it resumes without
    assert train(*args, options=options) == (0, '')
    assert (work_dir / 'iter_4.pth').is_file()


def test_settings_that_do_not_fit_are_one_sentence(project, train, tmp_path):
    def error(*args, options=()):
        code, line = train(*args, '--work-dir', tmp_path / 'run', options=options)
        assert code == 2
        return line

    config = project / 'enc.py'
    assert "There is no config '" in error(tmp_path / 'missing.py')
    (tmp_path / 'broken.py').write_text('model = dict(')
    assert 'broken.py cannot be read as a config (SyntaxError' in error(tmp_path / 'broken.py')
    (tmp_path / 'empty.py').write_text('a = 1')
    assert 'empty.py has no model' in error(tmp_path / 'empty.py')
    (tmp_path / 'only_model.py').write_text("model = dict(type='StyleGAN2')")
    assert 'only_model.py has no training' in error(tmp_path / 'only_model.py')

    message = error(config, options=['train_cgf.max_iters=3'])
    assert 'train_cgf.max_iters is unknown' in message and 'did you mean train_cfg?' in message
    message = error(config, options=['model.generatr.checkpoint=None'])
    assert 'unknown setting generatr' in message and 'did you mean generator?' in message
    message = error(config, options=['model.losses.pixel.type=PixelLoss'])
    assert "'PixelLoss'" in message and 'not in the registry' in message
    message = error(config, options=['model.generator.base_size=12'])
    assert 'base_size must be one of [8, 16]' in message
    assert 'key=value' in error(config, options=['max_iters'])
    assert "invalid choice: 'nobody'" in error(config, '--launcher', 'nobody')
    assert not (tmp_path / 'run' / 'iter_4.pth').exists()


def test_checkpoints_that_do_not_fit_are_refused(project, trained, train, tmp_path):
    def error(checkpoint, options=()):
        args = ['--work-dir', tmp_path / 'run', '--resume', checkpoint]
        code, line = train(project / 'enc.py', *args, options=options)
        assert code == 2
        return line

    good = trained / 'iter_2.pth'
    assert 'missing.pth to resume from' in error(tmp_path / 'missing.pth')
    corrupt = tmp_path / 'corrupt.pth'
    corrupt.write_bytes(good.read_bytes()[:3000])
    assert 'corrupt.pth' in error(corrupt)
    bare = tmp_path / 'weights.pth'
    torch.save({'state_dict': read_state_dict(good)}, bare)
    assert 'holds weights but no state of a training' in error(bare)
    message = error(good, options=['model.encoder.widths=(4,6,12)'])
    assert 'does not fit this BaseCodeEncoderTrainer' in message
    assert 'encoder.model.21.weight is (8,) instead of (12,)' in message
    # All shapes are the same here; mmengine would go on.
    sizes = ['model.generator.base_size=16', 'model.encoder.base_size=16']
    assert 'trained for size 8' in error(good, options=sizes)
    other = f'model.generator.checkpoint={project / "other.safetensors"}'
    assert 'trained for another generator' in error(good, options=[other])
    assert not list((tmp_path / 'run').glob('iter_*.pth'))


def test_starting_from_weights_is_checked_too(project, trained, train, tmp_path):
    start = f'load_from={trained / "iter_2.pth"}'
    run = ['--work-dir', tmp_path / 'run']
    stay = ['optim_wrapper.optimizer.lr=0', 'train_cfg.max_iters=2']
    assert train(project / 'enc.py', *run, options=[start, *stay]) == (0, '')
    given, kept = (read_state_dict(d / 'iter_2.pth') for d in (trained, tmp_path / 'run'))
    parameters = [name for name in given if name.endswith(('weight', 'bias'))]
    assert all(torch.equal(given[name], kept[name]) for name in parameters)
    other = f'model.generator.checkpoint={project / "other.safetensors"}'
    code, line = train(project / 'enc.py', *run, options=[start, other])
    assert code == 2 and 'trained for another generator' in line


def test_a_work_dir_that_is_a_file_is_one_sentence(project, train, tmp_path):
    (tmp_path / 'file').touch()
    code, line = train(project / 'enc.py', '--work-dir', tmp_path / 'file')
    assert code == 2 and 'is a file; choose another folder' in line


def test_a_missing_generator_is_named_with_its_source_and_the_option(tmp_path):
    env = dict(OFFLINE, TORCH_HOME=str(tmp_path))
    done = run_forked('train', 'bdinvert_enc_ffhq', '--work-dir', tmp_path / 'run', env=env)
    message = the_error(done)
    assert 'Config:' not in done.stdout and not (tmp_path / 'run').exists()  # 139 lines came first
    assert 'stylegan2-ffhq-config-f-official_20210327_171224-bce9310c.pth' in message
    assert 'https://download.openmmlab.com/mmgen/stylegan2/official_weights/' in message
    assert '--cfg-options model.generator.checkpoint=PATH' in message


def test_a_missing_backbone_is_named_with_its_source_and_the_option(train, tmp_path, monkeypatch):
    for name, value in dict(OFFLINE, TORCH_HOME=str(tmp_path)).items():
        monkeypatch.setenv(name, value)
    small = ['model.generator.generator.out_size=32', 'model.generator.generator.style_channels=16']
    options = ['model.generator.checkpoint=None', *small]
    code, line = train('bdinvert_enc_ffhq', '--work-dir', tmp_path / 'run', options=options)
    assert code == 2
    assert 'vgg16-397923af.pth' in line
    assert 'https://download.pytorch.org/models/' in line
    ours, vals = 'model.losses.perceptual.backbone', 'val_evaluator.perceptual.backbone'
    assert f'--cfg-options {ours}=PATH {vals}=PATH' in line
    for given, lacks in ((ours, vals), (vals, ours)):
        set_one = [*options, f'{given}=random']
        code, line = train('bdinvert_enc_ffhq', '--work-dir', tmp_path / 'run', options=set_one)
        assert code == 2 and line.endswith(f'--cfg-options {lacks}=PATH')


def test_amp_on_a_cpu_trains_in_bfloat16(project, train, monkeypatch, tmp_path):
    seen = []

    def forward(self, images):
        seen.append((self.training, self.model[0](images).dtype))
        return ENCODE(self, images)

    monkeypatch.setattr(running, 'get_device', lambda: 'cpu')
    monkeypatch.setattr(BaseCodeEncoder, 'forward', forward)
    code, line = train(project / 'enc.py', '--amp', '--work-dir', tmp_path)
    assert not code, line
    assert (True, torch.bfloat16) in seen and (True, torch.float32) not in seen
    weights = read_state_dict(tmp_path / 'iter_4.pth')
    assert {v.dtype for v in weights.values() if v.is_floating_point()} == {torch.float32}


def test_amp_on_a_cpu_is_bfloat16_alone(project, train, monkeypatch, tmp_path):
    monkeypatch.setattr(running, 'get_device', lambda: 'cpu')
    half = ['--cfg-options', 'optim_wrapper.dtype=float16', '--work-dir', tmp_path]
    code, line = train(project / 'enc.py', '--amp', *half)
    assert code == 2 and '--amp trains in bfloat16 on a CPU, but the config says float16.' in line
