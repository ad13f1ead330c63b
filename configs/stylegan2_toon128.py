# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# The 128×128 toon-face generator, from drawings and their labels; the last of four stages.
_base_ = ['./_base_/default_runtime.py']
custom_imports = dict(imports=['mmgen_bdinvert', 'projects.toon_faces'], allow_failed_imports=False)

face = ((0.4, 0.84), (0.3, 0.7))  # eyes, mouth and beard of an aligned face

model = dict(
    type='LabelledGeneratorTrainer',
    generator=dict(
        type='NarrowStyleGANv2Generator',
        out_size=128,
        style_channels=128,
        num_mlps=4,
        channels={4: 128, 8: 128, 16: 128, 32: 96, 64: 48, 128: 16},
        default_style_mode='single',
    ),
    losses=dict(
        pixel=dict(type='PixelL1Loss'),
        edges=dict(type='GradientL1Loss'),
        face=dict(type='PixelMSELoss', loss_weight=5.0, region=face),
        face_edges=dict(type='GradientL1Loss', region=face),
    ),
    choices=[4, 4, 2, 5, 2, 5, 5, 5, 5, 5, 5, 10, 8],  # of TOON_LABELS
    detail_labels=[3, 4, 5, 6, 7, 9, 10, 11, 12],  # all but the shapes of hair and clothes
    grow_from='work_dirs/stylegan2_toon128_stage64_faces/iter_2000.pth',
    path_weight=0.01,
)
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(type='LabelledToonFaces', data_root='data/toon128/train'),
)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=0.005, betas=(0.9, 0.99)),
    paramwise_cfg=dict(custom_keys={'style_mapping': dict(lr_mult=0.0)}),
)
param_scheduler = [
    dict(type='CosineAnnealingLR', eta_min_ratio=0.02, begin=0, end=2500, by_epoch=False)
]
train_cfg = dict(by_epoch=False, max_iters=2500)
