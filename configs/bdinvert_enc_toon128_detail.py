# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# The detail-code encoder alone, on true codes, between bdinvert_enc_toon128.py and
# bdinvert_enc_toon128_joint.py. Nothing is reconstructed, and each of 24,000 generated images is
# rendered once, and moved anew each time that it is shown.
_base_ = ['./bdinvert_enc_toon128.py']

model = dict(
    type='JointEncoderTrainer',
    encoder=dict(checkpoint='work_dirs/bdinvert_enc_toon128/iter_2000.pth'),
    detail_encoder=_base_.detail_encoder,
    statistics=_base_.statistics,
    losses=dict(
        _delete_=True,
        frame=dict(type='FrameDistance', loss_weight=5.0),
        styles=dict(type='StyleVectorDistance', loss_weight=1.0),
        whitened=dict(type='WhitenedCodeDistance', loss_weight=0.5),
    ),
    latents=24000,
    tune_encoder=False,
    moved_share=0.75,
)
train_dataloader = dict(batch_size=32)
optim_wrapper = dict(optimizer=dict(lr=0.003))
train_cfg = dict(max_iters=6000, val_interval=2000)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, begin=0, end=500, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=0.0, begin=500, end=6000, by_epoch=False),
]
