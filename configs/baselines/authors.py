# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# What the authors' released program computes, number by number; with --fit squash. docs/authors.md
# says what each difference of the other configs does to a result.
_base_ = ['./_domain.py']

model = dict(
    type='ReleasedInverter',
    statistics=dict(floor=1e-12),
    losses=dict(
        pixel=dict(type='PixelMSELoss', loss_weight=1.0),
        perceptual=dict(
            _delete_=True,
            type='ReleasedPerceptualLoss',
            distance={
                **(_base_.model.get('losses') or {}).get('perceptual', dict(type='LPIPSLoss')),
                'loss_weight': 10.0,
            },
        ),
        base=dict(type='BaseCodeDistance', loss_weight=10.0, normalized=False),
        detail=dict(type='PNormLoss', loss_weight=0.01),
    ),
    optimizer=dict(_delete_=True, type='Adam', lr=0.01),
    num_steps=1200,
    keep_best=False,
    amp=False,
    detail_space='w+',
    detail_encoder=None,
)
