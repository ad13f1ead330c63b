# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
_base_ = ['./_base_/encoder_training.py', './_base_/toon64.py']

model = dict(
    generator=_base_.generator,
    encoder=_base_.encoder,
    losses=dict(perceptual=_base_.perceptual),
)
val_evaluator = dict(perceptual=_base_.perceptual)
train_cfg = dict(max_iters=1000, val_interval=200)
param_scheduler = [dict(type='MultiStepLR', milestones=[800], gamma=0.1, by_epoch=False)]
