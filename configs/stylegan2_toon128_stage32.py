# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
_base_ = ['./stylegan2_toon128.py']

model = dict(
    generator=dict(out_size=32),
    grow_from='asset://toon64/generator.safetensors',
    losses=dict(edges=dict(loss_weight=2.0), face=None, face_edges=None),
    path_weight=0.0,
)
train_dataloader = dict(batch_size=32)
optim_wrapper = dict(optimizer=dict(lr=0.01))
param_scheduler = [
    dict(type='CosineAnnealingLR', eta_min_ratio=0.2, begin=0, end=600, by_epoch=False)
]
train_cfg = dict(max_iters=600)
