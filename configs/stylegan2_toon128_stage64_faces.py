# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# Absolute errors leave small features out until their labels are understood; squared ones do not.
_base_ = ['./stylegan2_toon128.py']

model = dict(
    generator=dict(out_size=64),
    losses=dict(
        pixel=dict(type='PixelMSELoss', loss_weight=2.0),
        edges=None,
        face_edges=None,
    ),
    grow_from='work_dirs/stylegan2_toon128_stage64/iter_1000.pth',
    path_weight=0.0,
)
param_scheduler = [
    dict(type='CosineAnnealingLR', eta_min_ratio=0.5, begin=0, end=3000, by_epoch=False)
]
train_cfg = dict(max_iters=2000)
