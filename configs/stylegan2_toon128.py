# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# The 128×128 toon-face generator, trained against a discriminator from its supervised start on.
_base_ = ['./stylegan2_toon128_start.py']

model = dict(
    type='LabelledGANTrainer',
    discriminator=dict(type='FeatureDiscriminator'),
    margin=0.0,
    warm_up=(60, 300),
    fade_out=(1600, 6400),
    grow_from='work_dirs/stylegan2_toon128_start/iter_4000.pth',
)
optim_wrapper = dict(
    _delete_=True,
    constructor='GenOptimWrapperConstructor',
    generator=dict(
        type='CpuAmpOptimWrapper', optimizer=dict(type='Adam', lr=0.001, betas=(0.0, 0.99))
    ),
    discriminator=dict(optimizer=dict(type='Adam', lr=0.0002, betas=(0.0, 0.99))),
)
param_scheduler = None
train_cfg = dict(max_iters=200000)
default_hooks = dict(checkpoint=dict(interval=200, max_keep_ckpts=2))
