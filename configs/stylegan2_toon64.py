# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
_base_ = ['./_base_/default_runtime.py']

channels = {4: 128, 8: 128, 16: 128, 32: 64, 64: 32}
batch_size = 16
r1_interval = 16
g_reg_interval = 4
g_ratio = g_reg_interval / (g_reg_interval + 1)
d_ratio = r1_interval / (r1_interval + 1)

model = dict(
    type='StyleGAN2',
    data_preprocessor=dict(type='GANDataPreprocessor'),
    generator=dict(
        type='NarrowStyleGANv2Generator',
        out_size=64,
        style_channels=128,
        num_mlps=4,
        channels=channels,
    ),
    discriminator=dict(type='NarrowStyleGAN2Discriminator', in_size=64, channels=channels),
    ema_config=dict(
        type='ExponentialMovingAverage',
        interval=1,
        momentum=1.0 - 0.5 ** (batch_size / 10000),  # half-life of 10,000 images
    ),
    loss_config=dict(
        r1_loss_weight=1.0 / 2 * r1_interval,
        r1_interval=r1_interval,
        norm_mode='HWC',
        g_reg_interval=g_reg_interval,
        g_reg_weight=2.0 * g_reg_interval,
        pl_batch_shrink=2,
    ),
)

train_dataloader = dict(
    batch_size=batch_size,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='UnconditionalImageDataset',
        data_root='data/toon64/train',
        pipeline=[
            dict(type='LoadImageFromFile', key='img', io_backend='disk'),
            dict(type='PackGenInputs', keys='img'),
        ],
    ),
)

optim_wrapper = dict(
    constructor='GenOptimWrapperConstructor',
    generator=dict(
        optimizer=dict(type='Adam', lr=0.002 * g_ratio, betas=(0.0, 0.99**g_ratio), eps=1e-8)
    ),
    discriminator=dict(
        optimizer=dict(type='Adam', lr=0.002 * d_ratio, betas=(0.0, 0.99**d_ratio), eps=1e-8)
    ),
)
train_cfg = dict(by_epoch=False, max_iters=25000, val_interval=25000)
