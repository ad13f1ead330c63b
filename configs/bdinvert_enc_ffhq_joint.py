# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# The detail-code encoder, and the base-code encoder tuned to it, on generated images alone.
# photos=dict(type='InversionImageFolder', data_root=…, size=1024) adds photos.
_base_ = ['./bdinvert_enc_ffhq.py']

model = dict(
    type='JointEncoderTrainer',
    encoder=dict(checkpoint='work_dirs/bdinvert_enc_ffhq/iter_10000.pth'),
    detail_encoder=dict(
        **_base_.detail_encoder,
        checkpoint='work_dirs/bdinvert_enc_ffhq_detail/iter_10000.pth',
    ),
    statistics=_base_.statistics,
    losses=dict(
        base=dict(type='BaseCodeDistance', loss_weight=10.0),
        frame=dict(type='FrameDistance', loss_weight=10.0),
        styles=dict(type='StyleVectorDistance', loss_weight=1.0),
        whitened=dict(type='WhitenedCodeDistance', loss_weight=0.5),
        detail=dict(type='PNormLoss', loss_weight=0.01),
    ),
    truncation=1.0,
    swapped_share=1.0,  # see bdinvert_enc_toon128_joint.py
    moves=dict(shift=0.25, rotate=45.0, scale=(0.6, 1.6)),
    moved_share=0.75,
)
