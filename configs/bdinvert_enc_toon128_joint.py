# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# The detail-code encoder, and the base-code encoder tuned to it. Half of each batch are drawn
# faces of projects/toon_faces/draw.py, of which nothing but the image is known.
_base_ = ['./bdinvert_enc_toon128.py']

model = dict(
    type='JointEncoderTrainer',
    encoder=dict(checkpoint='asset://toon128/encoder_16x16.safetensors'),
    detail_encoder=_base_.detail_encoder,
    statistics=_base_.statistics,
    losses=dict(
        whitened=dict(type='WhitenedCodeDistance', loss_weight=0.2),
        detail=dict(type='PNormLoss', loss_weight=0.01),
    ),
    moved_share=0.75,
    photos=dict(type='InversionImageFolder', data_root='data/toon128/train', size=128),
)
