# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# Regularised inversion as in the paper: 1,200 steps of Adam at 0.01, four losses.
_base_ = ['./default_runtime.py']

model = dict(
    type='RegularizedInverter',
    losses=dict(
        pixel=dict(type='PixelMSELoss', loss_weight=1.0),
        perceptual=dict(type='LPIPSLoss', loss_weight=10.0),
        base=dict(type='BaseCodeDistance', loss_weight=10.0),
        detail=dict(type='PNormLoss', loss_weight=0.01),
    ),
    optimizer=dict(type='Adam', lr=0.01),
    num_steps=1200,
)

test_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='InversionImageFolder', data_root='data/images', size=1024),
)
test_evaluator = dict(
    type='ReconstructionMetric', perceptual=dict(type='LPIPSLoss'), prefix='reconstruction'
)
test_cfg = dict()
custom_hooks = [dict(type='ReconstructionGridHook')]
