# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""mmgen's own StyleGAN2 trains through mmengine's Runner, is checkpointed, and resumes.

What the Runner does not keep in a checkpoint is the state of the random streams, from which a GAN
draws z and noise in every step. With that put back, it resumes to the last bit.
"""

import random

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmgen.registry import HOOKS, MODULES

from mmgen_bdinvert.models.checkpoint import load_weights

# A config in the style of mmgen's own: `betas` are whole numbers where they can be.
GAN_CONFIG = """
default_scope = 'mmgen'
custom_imports = dict(imports=['mmgen_bdinvert'], allow_failed_imports=False)
g_reg_interval, d_reg_interval = 2, 2
g_reg_ratio = g_reg_interval / (g_reg_interval + 1)
channels = {4: 8, 8: 8, 16: 8}
model = dict(
    type='StyleGAN2',
    data_preprocessor=dict(type='GANDataPreprocessor'),
    generator=dict(
        type='NarrowStyleGANv2Generator',
        out_size=16,
        style_channels=16,
        num_mlps=2,
        channels=channels,
    ),
    discriminator=dict(type='NarrowStyleGAN2Discriminator', in_size=16, channels=channels),
    ema_config=dict(type='ExponentialMovingAverage', interval=1, momentum=0.1),
    loss_config=dict(
        r1_loss_weight=10.0 / 2 * d_reg_interval,
        r1_interval=d_reg_interval,
        norm_mode='HWC',
        g_reg_interval=g_reg_interval,
        g_reg_weight=2.0 * g_reg_interval,
        pl_batch_shrink=2,
    ),
)
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='UnconditionalImageDataset',
        data_root='PHOTOS',
        pipeline=[
            dict(type='LoadImageFromFile', key='img', io_backend='disk'),
            dict(type='PackGenInputs', keys='img'),
        ],
    ),
)
optim_wrapper = dict(
    constructor='GenOptimWrapperConstructor',
    generator=dict(optimizer=dict(type='Adam', lr=0.01 * g_reg_ratio, betas=(0, 0.99))),
    discriminator=dict(optimizer=dict(type='Adam', lr=0.01, betas=(0, 0.99))),
)
train_cfg = dict(by_epoch=False, max_iters=5)
default_hooks = dict(
    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=1, max_keep_ckpts=9)
)
"""


class KeepRandomState(Hook):
    """Carry the random streams over a stop, which mmengine leaves to the user."""

    states: dict = {}

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        state = (torch.get_rng_state(), random.getstate(), np.random.get_state())
        self.states[runner.iter + 1] = state

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter in self.states:
            streams = self.states[runner.iter]
            torch.set_rng_state(streams[0])
            random.setstate(streams[1])
            np.random.set_state(streams[2])


@pytest.fixture(autouse=True)
def registered_hook():
    KeepRandomState.states = {}
    HOOKS.register_module(name='TestKeepRandomState', module=KeepRandomState)
    yield
    HOOKS.module_dict.pop('TestKeepRandomState')


@pytest.fixture()
def gan_config(tmp_path, photo_folder, runner_defaults):
    """Return the config file above, with a work dir and the settings given."""
    path = tmp_path / 'stylegan2_tiny.py'
    path.write_text(GAN_CONFIG.replace('PHOTOS', str(photo_folder(6, 16))))

    def make(work_dir, **settings):
        cfg = Config.fromfile(path)
        cfg.merge_from_dict({**runner_defaults(work_dir), **settings})
        return cfg

    return make


def test_mmgens_stylegan2_trains_and_resumes(
    gan_config, tmp_path, logged, read_checkpoint, assert_same_state
):
    runner = Runner.from_cfg(
        gan_config('whole', **{'default_hooks.logger': dict(type='LoggerHook', interval=1)})
    )
    start = {k: v.clone() for k, v in runner.model.state_dict().items()}
    runner.train()
    names = sorted(path.name for path in (tmp_path / 'whole').glob('*.pth'))
    assert names == [f'iter_{i}.pth' for i in range(1, 6)]
    for name, expected in (('loss_r1_gp', 3), ('loss_path_regular', 3), ('loss_gen', 5)):
        values = logged(runner, name)
        assert len(values) == 5 and np.isfinite(values).all(), name  # logged anew or carried on
        assert len(set(values)) == expected or name == 'loss_gen'
    state = runner.model.state_dict()
    still = [k for k, v in state.items() if v.requires_grad or torch.equal(v, start[k])]
    frozen = ('kernel', 'injected_noise', 'to_rgb')
    assert not [k for k in still if not any(part in k for part in frozen)]
    assert state['mean_path_length'] > 0

    cfg = gan_config('resumed', load_from=str(tmp_path / 'whole' / 'iter_3.pth'), resume=True)
    resumed = Runner.from_cfg(cfg)
    resumed.load_or_resume()
    saved = read_checkpoint(tmp_path / 'whole' / 'iter_3.pth')
    assert resumed.iter == 3
    assert assert_same_state(dict(resumed.model.state_dict()), dict(saved['state_dict'])) > 100
    optimizers = {name: dict(o.state_dict()) for name, o in resumed.optim_wrapper.items()}
    steps = [o['state'][0]['step'] for o in optimizers.values()]
    assert [float(step) for step in steps] == [3, 3]
    assert assert_same_state(optimizers, saved['optimizer']) > 100
    resumed.train()
    assert resumed.iter == 5 and (tmp_path / 'resumed' / 'iter_5.pth').is_file()

    generator = MODULES.build(cfg.model.generator)  # the plugin reads what mmgen wrote
    load_weights(generator, tmp_path / 'whole' / 'iter_5.pth')
    averaged = runner.model.generator_ema.module.state_dict()
    assert assert_same_state(dict(generator.state_dict()), dict(averaged)) > 30


def test_a_gan_resumes_to_the_last_bit_with_its_random_streams(
    gan_config, tmp_path, read_checkpoint, assert_same_state
):
    hooks = dict(custom_hooks=[dict(type='TestKeepRandomState')])
    Runner.from_cfg(gan_config('whole', **hooks)).train()
    KeepRandomState.states = {3: KeepRandomState.states[3]}
    latest = dict(load_from=str(tmp_path / 'whole' / 'iter_3.pth'), resume=True)
    Runner.from_cfg(gan_config('resumed', **hooks, **latest)).train()
    whole, resumed = (
        read_checkpoint(tmp_path / name / 'iter_5.pth') for name in ('whole', 'resumed')
    )
    for part in ('state_dict', 'optimizer'):
        assert assert_same_state(dict(whole[part]), dict(resumed[part])) > 100


def test_mmgens_own_networks_train(gan_config, tmp_path):
    cfg = gan_config('stock', **{'train_cfg.max_iters': 1})
    cfg.model.generator = dict(
        type='StyleGANv2Generator', out_size=8, style_channels=16, num_mlps=1
    )
    cfg.model.discriminator = dict(type='StyleGAN2Discriminator', in_size=8)
    cfg.train_dataloader.dataset.pipeline.insert(1, dict(type='Resize', scale=(8, 8)))
    cfg.train_dataloader.batch_size = 2
    cfg.model.ema_config = None
    runner = Runner.from_cfg(cfg)
    before = runner.model.generator.convs[1].conv.weight_orig.detach().clone()
    runner.train()
    assert not torch.equal(runner.model.generator.convs[1].conv.weight_orig, before)
