# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# The mapping network alone: w is to keep labels and motions apart, before anything is drawn.
_base_ = ['./stylegan2_toon128_start.py']

model = dict(
    generator=dict(out_size=8),
    losses=dict(_delete_=True),
    margin=0.05,
    grow_from=None,
)
train_dataloader = dict(batch_size=1)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(lr=0.002),
    paramwise_cfg=dict(custom_keys={'style_mapping': dict(lr_mult=100.0)}),
)
param_scheduler = [
    dict(type='CosineAnnealingLR', eta_min_ratio=0.02, begin=0, end=2400, by_epoch=False)
]
train_cfg = dict(max_iters=2400)
