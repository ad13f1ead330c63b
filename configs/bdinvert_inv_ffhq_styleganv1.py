# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
_base_ = ['./_base_/inversion.py', './_base_/ffhq1024_styleganv1.py']

model = dict(
    generator=_base_.generator,
    encoder=dict(
        **_base_.encoder, checkpoint='work_dirs/bdinvert_enc_ffhq_styleganv1/iter_10000.pth'
    ),
    statistics=_base_.statistics,
    losses=dict(base=dict(normalized=True)),  # instance normalisation follows the base code
)
test_dataloader = dict(batch_size=4, dataset=dict(size=1024))
default_hooks = dict(logger=dict(interval=1))
custom_hooks = [dict(type='ReconstructionGridHook', max_images=4)]
