# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The two configs of docs/own_generator.md, on top of a config as mmgen's are, from end to end."""

import shutil
from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope
from mmgen.registry import MODELS

from mmgen_bdinvert import apis
from mmgen_bdinvert.apis.statistics import fit_statistics, generator_from_config
from mmgen_bdinvert.engine import read_config
from mmgen_bdinvert.engine.running import build_runner

EXAMPLES = Path(__file__).parents[2] / 'docs/examples'
if not EXAMPLES.is_dir():
    pytest.skip('needs the documentation', allow_module_level=True)

MY_STYLEGAN2 = """
default_scope = 'mmgen'
model = dict(
    type='StyleGAN2',
    data_preprocessor=dict(type='GANDataPreprocessor'),
    generator=dict(type='StyleGANv2Generator', out_size=32, style_channels=16),
    discriminator=dict(type='StyleGAN2Discriminator', in_size=32),
    ema_config=dict(type='ExponentialMovingAverage'),
    loss_config=dict(r1_loss_weight=5.0, norm_mode='HWC'),
)
train_dataloader = dict(
    batch_size=4,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(type='UnconditionalImageDataset', data_root='none', pipeline=[]),
)
optim_wrapper = dict(
    constructor='GenOptimWrapperConstructor',
    generator=dict(optimizer=dict(type='Adam', lr=0.0016)),
    discriminator=dict(optimizer=dict(type='Adam', lr=0.0018)),
)
train_cfg = dict(by_epoch=False, val_begin=1, val_interval=10000, max_iters=800002)
val_dataloader = dict(
    batch_size=4,
    num_workers=8,
    dataset=dict(type='UnconditionalImageDataset', data_root='none', pipeline=[]),
)
val_cfg = dict(type='GenValLoop')
val_evaluator = dict(type='GenEvaluator', metrics=[])
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=10000, save_best='fid'))
custom_hooks = [dict(type='GenVisualizationHook', interval=5000, fixed_input=True)]
model_wrapper_cfg = dict(find_unused_parameters=True)
"""


def test_own_generator(tmp_path, monkeypatch, runner_defaults):
    monkeypatch.chdir(tmp_path)
    Path('my_stylegan2.py').write_text(MY_STYLEGAN2)
    for name in ('own_encoder.py', 'own_inversion.py'):
        shutil.copy(EXAMPLES / name, name)
    init_default_scope('mmgen')
    trained = MODELS.build(read_config('my_stylegan2.py').model)
    weights = {k: v for k, v in trained.state_dict().items() if k.startswith('generator')}
    torch.save({'state_dict': weights, 'meta': {}}, 'my_stylegan2.pth')

    config = read_config('own_inversion.py')
    fit_statistics(generator_from_config(config), num_samples=64).save('statistics.safetensors')

    small = dict(
        runner_defaults('work_dirs/own_encoder'),
        **{
            'model.losses.perceptual': None,  # the paper's downloads VGG16
            'model.encoder.widths': (4, 6, 8),
            'train_dataloader.batch_size': 2,
            'train_cfg.max_iters': 1,
            'default_hooks.checkpoint.interval': 1,
        },
    )
    build_runner(read_config('own_encoder.py', small)).train()

    options = {
        'model.encoder.checkpoint': 'work_dirs/own_encoder/iter_1.pth',
        'model.encoder.widths': (4, 6, 8),
        'model.losses.perceptual': None,
        'model.num_steps': 1,
    }
    inverter = apis.init_inverter('own_inversion.py', device='cpu', cfg_options=options)
    given = trained.generator_ema.module.state_dict()
    held = inverter.generator.generator.state_dict()
    assert all(torch.equal(given[name], held[name]) for name in held)
    result = apis.invert(inverter, torch.zeros(1, 3, 32, 32))
    assert result.reconstruction.shape == (1, 3, 32, 32)
    assert set(result.history) == {'pixel', 'base', 'detail', 'total'}
