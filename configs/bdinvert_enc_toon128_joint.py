# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# Both encoders, trained together. Three of eight images are drawn faces of
# projects/toon_faces/draw.py, of which nothing but the image is known. All detail codes of the
# others are swapped: while base codes may show a mouth or an eye, detail codes do not learn to.
_base_ = ['./bdinvert_enc_toon128.py']

model = dict(
    type='JointEncoderTrainer',
    detail_encoder=_base_.detail_encoder,
    statistics=_base_.statistics,
    losses=dict(
        base=dict(loss_weight=20.0),
        frame=dict(type='FrameDistance', loss_weight=10.0),
        styles=dict(type='StyleVectorDistance', loss_weight=2.0),
        whitened=dict(type='WhitenedCodeDistance', loss_weight=1.0),
        detail=dict(type='PNormLoss', loss_weight=0.01),
    ),
    swapped_share=1.0,
    moved_share=0.75,
    photos=dict(type='InversionImageFolder', data_root='data/toon128/train', size=128),
    photo_share=0.375,
)
train_dataloader = dict(batch_size=8)
train_cfg = dict(max_iters=4000, val_interval=500)
param_scheduler = [
    dict(type='CosineAnnealingLR', eta_min_ratio=0.01, begin=0, end=4000, by_epoch=False)
]
