# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
_base_ = ['./stylegan2_toon128.py']

model = dict(
    generator=dict(out_size=64),
    grow_from='work_dirs/stylegan2_toon128_stage32/iter_600.pth',
    losses=dict(edges=dict(loss_weight=2.0), face=None, face_edges=None),
    path_weight=0.0,
)
param_scheduler = [
    dict(type='CosineAnnealingLR', eta_min_ratio=0.5, begin=0, end=1500, by_epoch=False)
]
train_cfg = dict(max_iters=1000)
