# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# Larger steps than the paper's, and fewer: a style vector has about 1 to go.
_base_ = ['./_base_/inversion.py', './_base_/toon128.py']

model = dict(
    generator=_base_.generator,
    encoder=dict(**_base_.encoder, checkpoint='asset://toon128/encoder_16x16.safetensors'),
    statistics=_base_.statistics,
    losses=dict(
        pixel=dict(loss_weight=10.0),
        perceptual=_base_.perceptual,
        base=dict(loss_weight=100.0),
    ),
    optimizer=dict(lr=0.05),
    num_steps=60,
)
test_dataloader = dict(
    batch_size=16, dataset=dict(data_root='data/toon128/heldout_combined', size=128)
)
test_evaluator = dict(perceptual=_base_.perceptual)
