# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# The last stage of the 128×128 toon-face generator: its edges become as sharp as those of drawings.
_base_ = ['./_base_/default_runtime.py', './_base_/toon128.py']
custom_imports = dict(imports=['mmgen_bdinvert', 'projects.toon_faces'], allow_failed_imports=False)

model = dict(
    type='SharpeningTrainer',
    generator=_base_.generator.generator,
    start_from='work_dirs/stylegan2_toon128/iter_1600.pth',
)
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=False),
    dataset=dict(type='LatentSeeds', length=1000000),
)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=0.002, betas=(0.9, 0.99)))
param_scheduler = [dict(type='CosineAnnealingLR', eta_min=0.0001, begin=0, end=700, by_epoch=False)]
train_cfg = dict(by_epoch=False, max_iters=700)
default_hooks = dict(checkpoint=dict(interval=100, max_keep_ckpts=2))
