# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# Beyond the paper, half of the images are moved, half have their detail codes swapped, and base
# codes are compared with equally moved true ones.
_base_ = ['./_base_/encoder_training.py', './_base_/toon128.py']

model = dict(
    generator=_base_.generator,
    encoder=_base_.encoder,
    losses=dict(
        pixel=dict(loss_weight=10.0),
        perceptual=_base_.perceptual,
        base=dict(type='BaseCodeDistance', loss_weight=10.0),
    ),
    truncation=1.0,
    swapped_share=0.5,
    moves=dict(shift=0.25, rotate=45.0, scale=(0.6, 1.6)),
)
val_evaluator = dict(perceptual=_base_.perceptual)
train_cfg = dict(max_iters=2000, val_interval=200)
param_scheduler = [dict(type='MultiStepLR', milestones=[1600], gamma=0.1, by_epoch=False)]
