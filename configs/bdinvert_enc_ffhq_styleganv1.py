# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
_base_ = ['./_base_/encoder_training.py', './_base_/ffhq1024_styleganv1.py']

model = dict(generator=_base_.generator, encoder=_base_.encoder)
val_dataloader = dict(batch_size=4, dataset=dict(length=32))
custom_hooks = [dict(type='ReconstructionGridHook', max_images=4)]
