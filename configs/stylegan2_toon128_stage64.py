# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
_base_ = ['./stylegan2_toon128.py']

model = dict(
    generator=dict(out_size=64),
    grow_from='work_dirs/stylegan2_toon128_stage32/iter_600.pth',
    path_weight=0.0,
)
param_scheduler = [
    dict(type='CosineAnnealingLR', eta_min_ratio=0.1, begin=0, end=6000, by_epoch=False)
]
