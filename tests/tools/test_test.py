# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""``tools/test.py``, as a user runs it, also in two processes."""

from __future__ import annotations

import importlib.util
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmgen.registry import MODULES
from PIL import Image
from safetensors.torch import save_file

from bdinvert_cli.running import run_tool
from mmgen_bdinvert.apis import init_inverter, invert
from mmgen_bdinvert.apis.statistics import fit_statistics
from mmgen_bdinvert.models import BaseCodeEncoder
from tests.fixtures.forked import start_forked
from tests.fixtures.shell import shell

ROOT = Path(__file__).parents[2]
GENERATOR = dict(
    type='NarrowStyleGANv2Generator',
    out_size=32,
    style_channels=16,
    num_mlps=2,
    channels={4: 8, 8: 8, 16: 8, 32: 8},
)
MODEL = f"""
    generator=dict(
        type='BaseDetailGenerator',
        base_size=8,
        checkpoint='FOLDER/generator.safetensors',
        generator={GENERATOR},
    ),
    encoder=dict(type='BaseCodeEncoder', base_channels=8, base_size=8, widths=(4, 6, 8)),
"""
INVERSION = f"""
_base_ = ['{ROOT}/configs/_base_/inversion.py']
model = dict(
    {MODEL}
    statistics=dict(type='LatentStatistics', path='FOLDER/statistics.safetensors'),
    losses=dict(perceptual=dict(_delete_=True, type='STLPIPSLoss')),
    num_steps=5,
)
test_dataloader = dict(batch_size=2, dataset=dict(data_root='FOLDER/none', size=32))
test_evaluator = dict(perceptual=dict(_delete_=True, type='STLPIPSLoss'))
"""
ENCODER = f"""
_base_ = ['{ROOT}/configs/_base_/encoder_training.py']
model = dict(
    {MODEL}
    losses=dict(_delete_=True, pixel=dict(type='PixelMSELoss')),
)
val_dataloader = dict(dataset=dict(length=4))
val_evaluator = dict(_delete_=True, type='ReconstructionMetric', prefix='reconstruction')
"""
NAMES = (f'test_{i}' for i in itertools.count())


def load_tool(name):
    spec = importlib.util.spec_from_file_location(f'tool_{name}', ROOT / 'tools' / f'{name}.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


TEST = load_tool('test')


def make_checkpoint(path, fingerprint, **kwargs):
    """Write what ``tools/train.py`` writes of an encoder."""
    encoder = BaseCodeEncoder(**{**dict(base_channels=8, base_size=8, widths=(4, 6, 8)), **kwargs})
    encoder.bind(fingerprint)
    weights = {f'encoder.{name}': tensor for name, tensor in encoder.state_dict().items()}
    torch.save({'state_dict': weights, 'meta': {}}, path)


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    """Make a generator, its encoders, statistics, photos and configs."""
    folder = tmp_path_factory.mktemp('project')
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        save_file(MODULES.build(GENERATOR).state_dict(), folder / 'generator.safetensors')
        generator = MODULES.build(
            dict(
                type='BaseDetailGenerator',
                base_size=8,
                checkpoint=str(folder / 'generator.safetensors'),
                generator=GENERATOR,
            )
        )
        fit_statistics(generator, num_samples=4096).save(folder / 'statistics.safetensors')
        make_checkpoint(folder / 'encoder.pth', generator.fingerprint)
        make_checkpoint(folder / 'foreign.pth', 'ab' * 32)
        make_checkpoint(folder / 'size16.pth', generator.fingerprint, base_size=16)
        make_checkpoint(folder / 'wide.pth', generator.fingerprint, widths=(4, 6, 12))
    (folder / 'corrupt.pth').write_bytes((folder / 'encoder.pth').read_bytes()[:2000])
    (folder / 'photos').mkdir()
    rng = np.random.default_rng(0)
    for i in range(3):
        small = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
        small.resize((32, 32), Image.BICUBIC).save(folder / 'photos' / f'{i}.png')
    (folder / 'photos' / 'notes.txt').write_text('no image')
    for name, text in dict(inv=INVERSION, enc=ENCODER).items():
        (folder / f'{name}.py').write_text(text.replace('FOLDER', str(folder)))
    return folder


@pytest.fixture()
def call(capsys):
    """Run the tool in this process; return its exit code, its metrics and the error."""

    def run(*args, options=()):
        options = [f'experiment_name={next(NAMES)}', 'log_level=ERROR', *options]
        try:
            code = run_tool(TEST.main, [*map(str, args), '--cfg-options', *options])
        except SystemExit as e:
            code = e.code
        out, err = capsys.readouterr()
        return code, metrics_of(out), err.strip().splitlines()[-1] if err.strip() else ''

    return run


def metrics_of(out):
    return {k: float(v) for k, v in re.findall(r'reconstruction/(\w+) (-?\d+\.\d+)', out)}


def test_a_folder_is_inverted_as_python_does_it(project, call, tmp_path):
    photos = project / 'photos'
    args = [project / 'inv.py', project / 'encoder.pth', '--data-root', photos]
    code, metrics, _ = call(*args, '--work-dir', tmp_path / 'run')
    assert code == 0
    options = {'model.encoder.checkpoint': str(project / 'encoder.pth')}
    inverter = init_inverter(project / 'inv.py', device='cpu', cfg_options=options)
    pictures = [np.array(Image.open(photos / f'{i}.png')) for i in range(3)]
    result = invert(inverter, pictures)
    ours = inverter.generator.to_rgb(result.reconstruction).clamp(-1, 1)
    mse = []
    for picture, image in zip(pictures, ours.double()):
        target = torch.from_numpy(picture).permute(2, 0, 1).double() / 127.5 - 1
        mse.append((image - target).square().mean().item())
    assert metrics['psnr'] == pytest.approx(np.mean(10 * np.log10(4 / np.array(mse))), abs=1e-3)
    assert metrics['perceptual'] > 0
    sheet = Image.open(tmp_path / 'run' / 'vis' / 'test_000000.png')
    assert sheet.width > sheet.height  # three targets above three reconstructions

    # The optimisation is what makes it: without steps the encoder's guess is worse.
    code, first, _ = call(*args, '--work-dir', tmp_path / 'one', options=['model.num_steps=1'])
    assert code == 0 and first['perceptual'] > metrics['perceptual']


def test_mixed_precision_gives_nearly_the_same(project, call, tmp_path):
    args = [project / 'inv.py', project / 'encoder.pth', '--data-root', project / 'photos']
    _, full, _ = call(*args, '--work-dir', tmp_path / 'full')
    code, mixed, _ = call(*args, '--work-dir', tmp_path / 'mixed', '--amp')
    assert code == 0
    assert mixed['psnr'] == pytest.approx(full['psnr'], abs=0.2)
    assert mixed != full


def test_two_processes_give_the_metrics_of_one(project, call, tmp_path, free_port):
    args = [project / 'inv.py', project / 'encoder.pth', '--data-root', project / 'photos']
    _, alone, _ = call(*args, '--work-dir', tmp_path / 'alone')
    command = (*args, '--work-dir', tmp_path / 'run', '--launcher', 'pytorch')
    env = dict(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(free_port), WORLD_SIZE='2')
    env['CUDA_VISIBLE_DEVICES'] = '-1'
    running = [
        start_forked('test', *command, env=dict(env, RANK=rank, LOCAL_RANK=rank)) for rank in '01'
    ]
    (out, err), _ = (one.communicate() for one in running)
    assert [one.returncode for one in running] == [0, 0], err
    assert 'GPU number: 2' in out  # mmengine's word for processes
    assert metrics_of(out) == pytest.approx(alone, abs=2e-4)
    assert (tmp_path / 'run' / 'vis' / 'test_000000.png').is_file()


def test_an_encoder_is_tested_on_the_seeds_of_validation(project, call, tmp_path):
    run = ['--work-dir', tmp_path]
    code, given, _ = call(project / 'enc.py', project / 'encoder.pth', *run)
    assert code == 0 and set(given) == {'psnr', 'mse', 'base_distance'}
    assert (tmp_path / 'vis' / 'test_000000.png').is_file()
    assert call(project / 'enc.py', project / 'encoder.pth', *run)[1] == given
    code, fresh, _ = call(project / 'enc.py', *run)
    assert code == 0 and fresh != given  # the checkpoint was used


@pytest.mark.parametrize('config', ['inv.py', 'enc.py'])
@pytest.mark.parametrize(
    ('checkpoint', 'message'),
    [
        ('foreign.pth', 'trained for another generator'),
        ('size16.pth', 'trained for size 16'),
        ('wide.pth', 'does not fit this encoder'),
        ('corrupt.pth', 'corrupt.pth is'),
        ('generator.safetensors', 'does not fit this encoder'),
        ('missing.pth', 'missing.pth: check the path'),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(
    project, call, tmp_path, config, checkpoint, message
):
    images = ['--data-root', project / 'photos'] if config == 'inv.py' else []
    run = ['--work-dir', tmp_path / 'run']
    code, metrics, error = call(project / config, project / checkpoint, *images, *run)
    assert (code, metrics) == (2, {})
    assert error.startswith('error: ') and message in error


def test_wrong_settings_are_one_sentence(project, call, tmp_path):
    def error(config, *args, options=()):
        run = ['--work-dir', tmp_path / 'run', *args]
        code, metrics, line = call(config, *run, options=options)
        assert (code, metrics) == (2, {})
        return line

    inv, enc, photos = project / 'inv.py', project / 'enc.py', project / 'photos'
    assert "There is no config '" in error(project / 'missing.py')
    assert "none' does not exist" in error(inv) and '--data-root' in error(inv)
    (tmp_path / 'empty').mkdir()
    assert 'no image' in error(inv, '--data-root', tmp_path / 'empty')
    (photos.parent / 'bad').mkdir()
    (photos.parent / 'bad' / 'x.png').write_bytes(b'')
    assert 'x.png' in error(inv, '--data-root', photos.parent / 'bad')
    assert 'tests on LatentSeeds' in error(enc, '--data-root', photos)
    assert 'cannot be tested' in error('stylegan2_toon64')
    wrong = ['test_dataloader.dataset.size=16']
    assert '(n, 3, 32, 32)' in error(inv, '--data-root', photos, options=wrong)
    missing = [f'model.statistics.path={tmp_path}/no.safetensors']
    message = error(inv, '--data-root', photos, options=missing)
    assert 'no.safetensors' in message and 'tools/latent_stats.py' in message


def test_a_wrong_command_line_is_one_sentence_of_the_tool(project):
    done = shell('test.py', project / 'inv.py', '--show-dir', 'x')
    assert done.returncode == 2
    assert 'Traceback' not in done.stderr
    assert 'error: unrecognized arguments: --show-dir x' in done.stderr
