# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# The 128×128 generator's supervised start; the GAN training goes on from there.
_base_ = ['./_base_/default_runtime.py']
custom_imports = dict(imports=['mmgen_bdinvert', 'projects.toon_faces'], allow_failed_imports=False)

model = dict(
    type='LabelledStartTrainer',
    generator=dict(
        type='NarrowStyleGANv2Generator',
        out_size=128,
        style_channels=192,
        num_mlps=4,
        channels={4: 256, 8: 256, 16: 192, 32: 192, 64: 96, 128: 32},
    ),
    losses=dict(
        pixel=dict(type='PixelL1Loss'),
        square=dict(type='PixelMSELoss', loss_weight=2.0),
        edges=dict(type='GradientL1Loss', loss_weight=2.0),
        perceptual=dict(type='STLPIPSLoss', net='alex', loss_weight=2.0),
    ),
    choices=[4, 4, 2, 5, 2, 5, 5, 5, 5, 5, 5, 10, 8],  # of TOON_LABELS
    detail_labels=[3, 4, 5, 6, 7, 9, 10, 11, 12],  # all but the shapes of hair and clothes
    margin=0.1,
    grow_from='work_dirs/stylegan2_toon128_start32/iter_800.pth',
)
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(type='LabelledToonFaces', data_root='data/toon128/train'),
)
optim_wrapper = dict(
    type='CpuAmpOptimWrapper',
    optimizer=dict(type='Adam', lr=0.004, betas=(0.9, 0.99)),
    paramwise_cfg=dict(custom_keys={'style_mapping': dict(lr_mult=3.0)}),
)
param_scheduler = [
    dict(type='CosineAnnealingLR', eta_min_ratio=0.1, begin=0, end=4000, by_epoch=False)
]
train_cfg = dict(by_epoch=False, max_iters=4000)
default_hooks = dict(checkpoint=dict(interval=200, max_keep_ckpts=2))
