# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# Quasi-Newton steps from what both encoders predict, instead of the paper's 1,200 of Adam.
_base_ = ['./_base_/inversion.py', './_base_/toon128.py']

model = dict(
    generator=_base_.generator,
    encoder=dict(**_base_.encoder, checkpoint='asset://toon128/encoder_16x16.safetensors'),
    detail_encoder=dict(
        **_base_.detail_encoder, checkpoint='asset://toon128/detail_encoder_16x16.safetensors'
    ),
    statistics=_base_.statistics,
    losses=dict(
        pixel=dict(loss_weight=10.0),
        perceptual=_base_.perceptual,
        base=dict(loss_weight=30.0),
    ),
    optimizer=dict(_delete_=True, type='ImageLBFGS', history=50),
    detail_space='pnorm',
    keep_best=True,
    num_steps=60,
)
test_dataloader = dict(
    batch_size=16, dataset=dict(data_root='data/toon128/heldout_combined', size=128)
)
test_evaluator = dict(perceptual=_base_.perceptual)
