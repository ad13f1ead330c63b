# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""tools/find_directions.py as a user runs it: as a process where that matters."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmgen_bdinvert.editing import draw_latents, load_direction
from tests.fixtures.forked import run_forked

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def generator(make_generator):
    return make_generator()


@pytest.fixture()
def config(tmp_path, generator, generator_config):
    """Write a config with a finder; return its path."""
    torch.save(generator.generator.state_dict(), tmp_path / 'generator.pth')
    part = dict(
        type='BaseDetailGenerator',
        generator=generator_config(),
        base_size=8,
        checkpoint=str(tmp_path / 'generator.pth'),
    )

    def make(**settings):
        model = dict(type='RegularizedInverter', generator=part)
        Config(dict(model=model, **settings)).dump(tmp_path / 'config.py')
        return tmp_path / 'config.py'

    return make


@pytest.fixture()
def run(run_in_process):
    return run_in_process('find_directions')


def test_labelled_samples_from_pictures_to_a_direction(config, generator, tmp_path, run):
    """What a user does who labels by hand: draw, look, write a table, learn."""
    finder = dict(type='InterFaceGAN', labels=str(tmp_path / 'labels.csv'), num_samples=120)
    path = config(finder=finder)
    code, out, _ = run(path, '--out-dir', tmp_path / 'drawn', '--draw-samples', 120, '--seed', 1)
    assert code == 0 and f'120 samples of seed 1: {tmp_path / "drawn"}' in out
    pictures = sorted((tmp_path / 'drawn').glob('*.png'))
    assert len(pictures) == 120
    normal = torch.randn(16, generator=torch.Generator().manual_seed(0))
    labels = (draw_latents(generator, 120, 1) @ normal > 0).int()  # the eye of this test
    lines = [f'{int(p.stem)},{labels[int(p.stem)]}' for p in pictures]
    (tmp_path / 'labels.csv').write_text('\n'.join(['index,tall', *lines]))
    code, out, err = run(path, '--out-dir', tmp_path / 'out', '--seed', 1)
    assert (code, err) == (0, '')
    assert 'held out accuracy' in out and f'1 direction: {tmp_path / "out"}' in out
    found = load_direction(tmp_path / 'out' / 'tall.safetensors')
    assert found.fingerprint == generator.fingerprint and found.notes['samples'] == '120'
    assert torch.nn.functional.cosine_similarity(found.vector[0], normal, dim=0) > 0.4
    assert (tmp_path / 'out' / 'tall.png').is_file()
    targets = dict(tall=dict(of='tall', value=1), short=dict(of='tall', value=0))
    path = config(finder={**finder, 'type': 'ClassTargets', 'targets': targets})
    code, out, err = run(path, '--out-dir', tmp_path / 'targets', '--seed', 1)
    assert (code, err) == (0, '')
    assert 'held out accuracy' in out and f'2 targets: {tmp_path / "targets"}' in out


def test_the_process_prints_a_table(config, tmp_path):
    options = ('--cfg-options', 'finder.count=2', '--preview-dir', tmp_path / 'pictures')
    command = [config(finder=dict(type='SeFa')), '--out-dir', tmp_path / 'out', *options]
    done = run_forked('find-directions', *command)
    assert done.returncode == 0, done.stderr
    assert 'singular value' in done.stdout and 'sefa1' in done.stdout
    names = [f'sefa{i}.safetensors' for i in range(2)]
    assert sorted(path.name for path in (tmp_path / 'out').glob('[!.]*')) == names
    assert len(list((tmp_path / 'pictures').glob('[!.]*'))) == 2


@pytest.mark.parametrize(
    ('settings', 'more', 'words'),
    [
        ({}, [], ['has no finder', 'configs/directions']),
        (dict(finder=dict(type='Sefa')), [], ["'Sefa'", 'not in the registry']),
        (dict(finder=dict(type='SeFa', count=0)), [], ['count', 'but got 0']),
        (dict(finder=dict(type='SeFa', layers=[1])), [], ['layers 2 to 6', '[1]']),
        (dict(finder=dict(type='InterFaceGAN')), [], ['a labeller or', 'give one']),
        (dict(finder=dict(type='InterFaceGAN', labels='none.csv')), [], ['none.csv']),
        (dict(finder=dict(type='SeFa')), ['--draw-samples', '1'], ['two samples or more']),
        (dict(finder=dict(type='SeFa')), ['--device', 'gpu'], ["'gpu' is not available"]),
        (dict(finder=dict(type='SeFa')), ['--cfg-options', 'find=1'], ['find', 'unknown']),
    ],
)
def test_a_wrong_command_is_one_sentence(config, tmp_path, run, settings, more, words):
    code, out, err = run(config(**settings), '--out-dir', tmp_path / 'out', *more)
    assert (code, out) == (2, '')
    lines = err.splitlines()
    assert len(lines) == 1 and lines[0].startswith('error: '), err
    assert all(word in lines[0] for word in words), err
    assert not list((tmp_path / 'out').glob('*.safetensors'))


@pytest.mark.parametrize('path', sorted((ROOT / 'configs' / 'directions').glob('*.py')))
def test_the_shipped_configs_name_a_finder(path):
    from mmgen.registry import MODULES

    from mmgen_bdinvert.apis import load_config

    config = load_config(str(path))
    assert config.model.generator.type == 'BaseDetailGenerator'
    finder = MODULES.build(dict(config.finder))
    assert callable(finder.find)
