# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import json

import pytest
import torch
from mmengine.registry import init_default_scope
from mmgen.registry import MODELS
from safetensors import safe_open
from safetensors.torch import save_file

from mmgen_bdinvert.converters import convert_file
from mmgen_bdinvert.models import BaseDetailGenerator, NarrowStyleGANv1Generator


def prefixed(prefix, state):
    return {f'{prefix}{name}': value for name, value in state.items()}


@pytest.fixture(scope='module')
def stylegan1():
    """Return the state dict of a small StyleGAN1 generator."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        channels = {4: 8, 8: 7, 16: 6}
        generator = NarrowStyleGANv1Generator(16, 12, channels, num_mlps=2)
    return dict(generator.state_dict())


def checkpoint(version, best, other):
    """Return the content of a checkpoint of mmgen."""
    rest = {**prefixed('generator.', other), 'discriminator.conv.weight': torch.zeros(2)}
    if version == '0.x':
        return dict(meta=dict(iter=5), state_dict={**rest, **prefixed('generator_ema.', best)})
    rest['data_preprocessor.mean'] = torch.zeros(3, 1, 1)
    rest['generator_ema.steps'] = torch.tensor(7)
    best = prefixed('generator_ema.module.', best)
    optimizer = {'generator': {'state': {0: {'exp_avg': torch.zeros(3)}}}}
    return dict(state_dict={**rest, **best}, optimizer=optimizer, meta={}, message_hub={})


@pytest.mark.parametrize('version', ['0.x', '1.x'])
def test_the_averaged_stylegan2_comes_out_unchanged(
    tmp_path, make_stylegan2, load_converted, version
):
    best, other = make_stylegan2(seed=1).state_dict(), make_stylegan2(seed=2).state_dict()
    content = checkpoint(version, best, other)
    torch.save(content, tmp_path / 'g.pth')
    generator, done = load_converted(tmp_path / 'g.pth', 'mmgen')
    found = generator.generator.state_dict()
    assert set(found) == set(best) and all(torch.equal(found[k], best[k]) for k in best)
    assert done.used == len(best)
    others = {'0.x': 1, '1.x': 4}[version]  # discriminator; preprocessor, steps, optimiser
    assert len(done.set_aside) == len(other) + others
    assert done.set_aside['state_dict.generator.conv1.activate.bias'] == (
        'the generator before averaging'
    )


@pytest.mark.parametrize('version', ['0.x', '1.x'])
def test_the_averaged_stylegan1_comes_out_unchanged(tmp_path, stylegan1, version):
    other = {name: value + 1 for name, value in stylegan1.items()}
    torch.save(checkpoint(version, stylegan1, other), tmp_path / 'g.pth')
    done = convert_file(tmp_path / 'g.pth', tmp_path / 'g.safetensors', 'mmgen')
    assert done.config == dict(
        type='NarrowStyleGANv1Generator',
        out_size=16,
        style_channels=12,
        num_mlps=2,
        channels={4: 8, 8: 7, 16: 6},
    )
    file = str(tmp_path / 'g.safetensors')
    generator = BaseDetailGenerator(dict(done.config), 8, checkpoint=file)
    found = generator.generator.state_dict()
    assert set(found) == set(stylegan1)
    assert all(torch.equal(found[k], stylegan1[k]) for k in found)


@pytest.mark.parametrize('kind', ['StyleGAN2', 'StyleGANv1'])
def test_the_whole_state_of_a_model_in_training_is_known(tmp_path, kind):
    init_default_scope('mmgen')
    settings = dict(out_size=16, style_channels=12, num_mlps=2, channels={4: 8, 8: 7, 16: 6})
    family, more = (
        ('2', {})
        if kind == 'StyleGAN2'
        else ('1', dict(nkimgs_per_scale={'16': 1}, style_channels=12))
    )
    model = MODELS.build(
        dict(
            type=kind,
            data_preprocessor=dict(type='GANDataPreprocessor'),
            generator=dict(type=f'NarrowStyleGANv{family}Generator', **settings),
            discriminator=dict(type=f'StyleGAN{family}Discriminator', in_size=16),
            ema_config=dict(type='ExponentialMovingAverage'),
            **more,
        )
    )
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'iter_1.pth')
    done = convert_file(tmp_path / 'iter_1.pth', tmp_path / 'g.safetensors', 'mmgen')
    best = model.generator_ema.module.state_dict()
    assert done.used == len(best) < len(done.set_aside)
    assert done.used + len(done.set_aside) == len(model.state_dict())
    assert all(torch.equal(done.tensors[name], best[name]) for name in best)


@pytest.mark.parametrize('prefix', ['generator.', ''])
def test_a_checkpoint_without_averaging_is_taken(tmp_path, make_stylegan2, load_converted, prefix):
    state = make_stylegan2().state_dict()
    save_file(prefixed(prefix, state), tmp_path / 'g.safetensors')
    generator, done = load_converted(tmp_path / 'g.safetensors', 'mmgen')
    assert torch.equal(generator.generator.conv1.activate.bias, state['conv1.activate.bias'])
    assert (done.used, len(done.set_aside)) == (len(state), 0)


def test_the_file_says_what_it_is(tmp_path, make_stylegan2, load_converted):
    torch.save(make_stylegan2().state_dict(), tmp_path / 'g.pth')
    load_converted(tmp_path / 'g.pth', 'mmgen')
    with safe_open(tmp_path / 'converted_mmgen.safetensors', 'pt') as file:
        facts = file.metadata()
    assert facts['kind'] == 'mmgen_bdinvert.generator'
    assert (facts['channel_order'], facts['source_channel_order']) == ('bgr', 'bgr')
    assert (facts['resolution'], facts['style_channels']) == ('32', '16')
    assert json.loads(facts['generator'])['type'] == 'NarrowStyleGANv2Generator'
    assert len(facts['source_sha256']) == 64 and facts['source_name'] == 'g.pth'


def test_a_tensor_beside_the_generator_that_nobody_knows_is_refused(
    tmp_path, make_stylegan2, load_converted
):
    state = prefixed('generator_ema.', make_stylegan2().state_dict())
    torch.save({'state_dict': {**state, 'style_head.weight': torch.zeros(2)}}, tmp_path / 'g.pth')
    with pytest.raises(
        ValueError, match='style_head.weight beside state_dict.generator_ema is not'
    ):
        load_converted(tmp_path / 'g.pth', 'mmgen')
