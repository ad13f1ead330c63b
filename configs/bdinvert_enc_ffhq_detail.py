# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# The detail-code encoder alone, on true codes, between bdinvert_enc_ffhq.py and
# bdinvert_enc_ffhq_joint.py. Nothing is reconstructed.
_base_ = ['./bdinvert_enc_ffhq_joint.py']

model = dict(
    detail_encoder=dict(checkpoint=None),
    losses=dict(
        _delete_=True,
        frame=dict(type='FrameDistance', loss_weight=5.0),
        styles=dict(type='StyleVectorDistance', loss_weight=1.0),
        whitened=dict(type='WhitenedCodeDistance', loss_weight=0.5),
    ),
    tune_encoder=False,
)
