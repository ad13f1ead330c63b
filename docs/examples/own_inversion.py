# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
_base_ = ['./my_stylegan2.py']

model = dict(
    _delete_=True,
    type='RegularizedInverter',
    generator=dict(
        type='BaseDetailGenerator',
        generator=_base_.model.generator,
        checkpoint='my_stylegan2.pth',
        base_size=16,
    ),
    encoder=dict(
        type='BaseCodeEncoder',
        base_channels=512,
        base_size=16,
        checkpoint='work_dirs/own_encoder/iter_10000.pth',
    ),
    statistics=dict(type='LatentStatistics', path='statistics.safetensors'),
)
