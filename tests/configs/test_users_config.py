# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""An encoder trained for the generator of a user's own mmgen config."""

import torch
from mmengine.registry import init_default_scope
from mmgen.registry import MODELS

from mmgen_bdinvert.engine.config import read_config
from mmgen_bdinvert.engine.running import build_runner

# A config of a user, written as mmgen's own are: the GAN, its data set, its schedule and its hooks.
USERS_CONFIG = """
default_scope = 'mmgen'
model_wrapper_cfg = dict(type='MMSeparateDistributedDataParallel', broadcast_buffers=False)
ema_half_life = 10.0
model = dict(
    type='StyleGAN2',
    data_preprocessor=dict(type='GANDataPreprocessor'),
    generator=dict(type='StyleGANv2Generator', out_size=32, style_channels=16, num_mlps=2),
    discriminator=dict(type='StyleGAN2Discriminator', in_size=32),
    ema_config=dict(
        type='ExponentialMovingAverage', interval=1, momentum=1.0 - 0.5 ** (32 / ema_half_life)
    ),
    loss_config=dict(r1_loss_weight=80.0, r1_interval=16, norm_mode='HWC', g_reg_interval=4),
)
train_dataloader = dict(
    batch_size=4,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='UnconditionalImageDataset',
        data_root='./data/faces',
        pipeline=[
            dict(type='LoadImageFromFile', key='img', io_backend='disk'),
            dict(type='Flip', keys=['img'], direction='horizontal'),
            dict(type='PackGenInputs', keys=['img'], meta_keys=['img_path']),
        ],
    ),
)
optim_wrapper = dict(
    constructor='GenOptimWrapperConstructor',
    generator=dict(optimizer=dict(type='Adam', lr=0.0016, betas=(0, 0.99))),
    discriminator=dict(optimizer=dict(type='Adam', lr=0.0018, betas=(0, 0.99))),
)
train_cfg = dict(by_epoch=False, val_begin=1, val_interval=10000, max_iters=800002)
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=100, log_metric_by_epoch=False),
    checkpoint=dict(type='CheckpointHook', interval=10000, by_epoch=False),
)
val_dataloader = dict(
    batch_size=4,
    num_workers=8,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='UnconditionalImageDataset', data_root='./data/faces', pipeline=[]),
)
val_cfg = dict(type='GenValLoop')
val_evaluator = dict(
    type='GenEvaluator',
    metrics=[dict(type='FrechetInceptionDistance', prefix='FID-50k', fake_nums=50000)],
)
custom_hooks = [
    dict(
        type='GenVisualizationHook',
        interval=5000,
        fixed_input=True,
        vis_kwargs_list=dict(type='GAN', name='fake_img'),
    )
]
log_processor = dict(by_epoch=False)
randomness = dict(seed=2021)
"""

# What is written over it to train a base-code encoder. mmengine lets no two bases set the same key,
# so nothing of `_base_/encoder_training.py` can stand beside a config that trains.
OWN_CONFIG = """
_base_ = ['USERS_CONFIG']
custom_imports = dict(imports=['mmgen_bdinvert'], allow_failed_imports=False)

model = dict(
    _delete_=True,
    type='BaseCodeEncoderTrainer',
    generator=dict(
        type='BaseDetailGenerator', generator=_base_.model.generator, checkpoint='CHECKPOINT'
    ),
    encoder=dict(type='BaseCodeEncoder', base_channels=512, base_size=16, widths=(4, 6, 8)),
    losses=dict(perceptual=None),
)
train_dataloader = dict(
    _delete_=True,
    batch_size=2,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=False),
    dataset=dict(type='LatentSeeds'),
)
optim_wrapper = dict(_delete_=True, optimizer=dict(type='Adam', lr=0.001))
param_scheduler = [dict(type='StepLR', step_size=2000, gamma=0.1, by_epoch=False)]
train_cfg = dict(_delete_=True, by_epoch=False, max_iters=1)
val_dataloader = val_cfg = val_evaluator = custom_hooks = model_wrapper_cfg = None
"""


def test_a_config_of_mmgen_composes_by_path(tmp_path):
    users, own = tmp_path / 'users' / 'stylegan2_faces_32x32.py', tmp_path / 'enc_faces.py'
    users.parent.mkdir()
    users.write_text(USERS_CONFIG)
    own.write_text(
        OWN_CONFIG.replace('USERS_CONFIG', str(users)).replace(
            'CHECKPOINT', str(tmp_path / 'g.pth')
        )
    )
    init_default_scope('mmgen')
    trained = MODELS.build(read_config(users).model)  # the user's own training
    weights = {k: v for k, v in trained.state_dict().items() if k.startswith('generator')}
    torch.save({'state_dict': weights, 'meta': {}}, tmp_path / 'g.pth')

    cfg = read_config(own, {'work_dir': str(tmp_path / 'run')})
    assert cfg.model.generator.generator == read_config(users).model.generator
    runner = build_runner(cfg)
    given = trained.generator_ema.module.state_dict()
    held = runner.model.generator.generator.state_dict()
    assert all(torch.equal(given[name], held[name]) for name in held)
    before = [p.clone() for p in runner.model.encoder.parameters()]
    runner.train()
    assert runner.iter == 1
    # Biases in front of a batch normalisation have no gradient; every kernel has one.
    kernels = [(a, b) for a, b in zip(before, runner.model.encoder.parameters()) if a.ndim == 4]
    assert len(kernels) == 11
    assert all(not torch.equal(a, b) for a, b in kernels)
