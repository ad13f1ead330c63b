# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Results of the inversions that BDInvert is compared with, as the tools make and edit them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmgen_bdinvert.apis import init_generator, init_inverter, render
from mmgen_bdinvert.apis.codes import code_sources
from mmgen_bdinvert.apis.statistics import generator_from_config
from mmgen_bdinvert.io import read_image
from mmgen_bdinvert.structures import LatentCode


@pytest.fixture(scope='module')
def configs(tiny_config, tmp_path_factory):
    """Configs of the baselines, by name."""
    folder, model = tmp_path_factory.mktemp('baselines'), Config.fromfile(tiny_config).model
    losses = {name: model.losses[name] for name in ('pixel', 'perceptual')}
    plain = dict(generator=model.generator, losses=losses, num_steps=6)
    fast = dict(type='Adam', lr=0.05)
    models = {
        'w_plus': dict(type='WPlusInverter', **plain),
        'projector': dict(type='NoiseProjector', **plain),
        'tuning': dict(type='PivotalTuningInverter', pivot=model, num_steps=6, optimizer=fast),
    }
    for name, content in models.items():
        Config(dict(model=content)).dump(folder / f'{name}.py')
    return {name: folder / f'{name}.py' for name in models}


@pytest.fixture()
def direction(tmp_path):
    torch.save(torch.linspace(-1, 1, 16), tmp_path / 'any.pt')
    return tmp_path / 'any.pt'


@pytest.mark.parametrize('name', ['w_plus', 'projector', 'tuning'])
@pytest.mark.parametrize('packed', [(), ('--packed',)])
def test_a_result_edited_by_nearly_nothing_stays(
    name, packed, configs, direction, photos, run_in_process, tmp_path
):
    """Other pictures were 13 grey levels away, and results of pivotal tuning were refused."""
    out, edited = tmp_path / 'out', tmp_path / 'edited'
    code, _, err = run_in_process('invert')(configs[name], photos, '--out-dir', out, *packed)
    assert code == 0, err
    args = (out, '--out-dir', edited, '--direction', direction, 1e-6)
    code, _, err = run_in_process('edit')(*args)
    assert code == 0, err
    generator = init_generator(out / 'config.py', 'cpu')
    shards = sorted(out.glob('shards/*.tar')) or sorted(out.glob('*/code.safetensors'))
    for source in code_sources(shards):
        picture = read_image(edited / source.name_source.stem / 'edited.png').astype(int)
        assert abs(picture - render(generator, source.load(generator))[0]).max() <= 1
        if not packed:
            assert abs(picture - read_image(source.path.parent / 'reconstruction.png')).max() <= 1
            again = LatentCode.load(
                edited / source.name_source.stem / 'code.safetensors', generator
            )
            assert np.abs(picture - render(generator, again)[0]).max() == 0


def test_results_of_pivotal_tuning_are_filmed_and_moved(configs, photos, run_in_process, tmp_path):
    out = tmp_path / 'out'
    assert run_in_process('invert')(configs['tuning'], photos, '--out-dir', out)[0] == 0
    for tool, where in (('make_video', '--out-file'), ('edit', '--out-dir')):
        target = tmp_path / 'turn.gif' if tool == 'make_video' else tmp_path / 'moved'
        code, _, err = run_in_process(tool)(out / 'p0', where, target, '--rotate', 10)
        assert code == 0 and target.exists(), err


def test_steps_and_precision_reach_the_pivot(configs, photos, run_in_process, tmp_path):
    args = (configs['tuning'], photos / 'p0.png', '--out-dir', tmp_path / 'out', '--steps', 2)
    code, _, err = run_in_process('invert')(*args, '--amp')
    assert code == 0, err
    model = Config.fromfile(tmp_path / 'out' / 'config.py').model
    assert (model.num_steps, model.amp) == (model.pivot.num_steps, model.pivot.amp) == (2, True)
    assert json.loads(Path(tmp_path, 'out/p0/metrics.json').read_text())['steps'] == 2


@pytest.mark.parametrize('name', ['w_plus', 'tuning'])
def test_no_steps_show_the_start(name, configs, photos, run_in_process, tmp_path):
    args = (configs[name], photos / 'p0.png', '--out-dir')
    zero = ['model.num_steps=0', *['model.pivot.num_steps=0'] * (name == 'tuning')]
    code, _, err = run_in_process('invert')(*args, tmp_path / 'one', '--steps', 0)
    assert code == 0, err
    assert run_in_process('invert')(*args, tmp_path / 'two', '--cfg-options', *zero)[0] == 0
    one, two = (read_image(tmp_path / f / 'p0/reconstruction.png') for f in ('one', 'two'))
    assert np.array_equal(one, two)


def test_generator_and_encoder_are_found_in_the_pivot(configs, tiny_config, make_encoder, tmp_path):
    expected = init_generator(tiny_config, 'cpu').fingerprint
    assert init_generator(configs['tuning'], 'cpu').fingerprint == expected
    assert generator_from_config(Config.fromfile(configs['tuning'])).fingerprint == expected
    other = make_encoder(seed=5)
    torch.save(other.state_dict(), tmp_path / 'other.pth')
    inverter = init_inverter(configs['tuning'], tmp_path / 'other.pth', 'cpu')
    for name, value in other.state_dict().items():
        torch.testing.assert_close(inverter.pivot.encoder.state_dict()[name], value)
