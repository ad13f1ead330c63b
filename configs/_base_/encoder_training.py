# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# Encoder training as in the paper: batch 16, 10,000 iterations, Adam 1e-3, a tenth every 2,000.
_base_ = ['./default_runtime.py']

model = dict(
    type='BaseCodeEncoderTrainer',
    losses=dict(
        pixel=dict(type='PixelMSELoss', loss_weight=1.0),
        perceptual=dict(type='LPIPSLoss', loss_weight=10.0),
    ),
    truncation=0.7,
    truncation_layers=8,
)

train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=False),
    dataset=dict(type='LatentSeeds', length=1000000),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='LatentSeeds', length=64, first=1000000000),
)
val_evaluator = dict(
    type='ReconstructionMetric', perceptual=dict(type='LPIPSLoss'), prefix='reconstruction'
)

optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=0.001))
param_scheduler = [
    dict(type='StepLR', step_size=2000, gamma=0.1, begin=0, end=10000, by_epoch=False)
]
train_cfg = dict(by_epoch=False, max_iters=10000, val_interval=1000)
val_cfg = dict()

default_hooks = dict(
    checkpoint=dict(save_best='reconstruction/perceptual', rule='less', save_last=True)
)
custom_hooks = [dict(type='ReconstructionGridHook')]
