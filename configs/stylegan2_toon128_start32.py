# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
_base_ = ['./stylegan2_toon128_start.py']

model = dict(
    generator=dict(out_size=32),
    losses=dict(perceptual=None),
    grow_from='work_dirs/stylegan2_toon128_mapping/iter_2400.pth',
    readout_weight=3.0,
)
optim_wrapper = dict(optimizer=dict(lr=0.008))
param_scheduler = [
    dict(type='CosineAnnealingLR', eta_min_ratio=0.3, begin=0, end=1200, by_epoch=False)
]
train_cfg = dict(max_iters=800)
