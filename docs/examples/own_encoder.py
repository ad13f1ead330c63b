# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
_base_ = ['./my_stylegan2.py']  # your mmgen config
custom_imports = dict(imports=['mmgen_bdinvert'], allow_failed_imports=False)
default_scope = 'mmgen'

model = dict(
    _delete_=True,
    type='BaseCodeEncoderTrainer',
    generator=dict(
        type='BaseDetailGenerator',
        generator=_base_.model.generator,
        checkpoint='my_stylegan2.pth',
        base_size=16,
    ),
    encoder=dict(type='BaseCodeEncoder', base_channels=512, base_size=16),
)
train_dataloader = dict(
    _delete_=True,
    batch_size=16,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=False),
    dataset=dict(type='LatentSeeds'),  # the generator makes its own images
)
optim_wrapper = dict(_delete_=True, optimizer=dict(type='Adam', lr=0.001))
param_scheduler = [dict(type='StepLR', step_size=2000, gamma=0.1, by_epoch=False)]
train_cfg = dict(_delete_=True, by_epoch=False, max_iters=10000)
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    checkpoint=dict(_delete_=True, type='CheckpointHook', by_epoch=False, interval=1000),
)
