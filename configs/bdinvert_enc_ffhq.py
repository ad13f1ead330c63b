# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# Training takes about 2 GB of memory, and 1.7 GB more for each image of the batch. Where 16 do not
# fit: batch_size=4, optim_wrapper.accumulative_counts=4, and iterations and schedule times 4.
_base_ = ['./_base_/encoder_training.py', './_base_/ffhq1024.py']

model = dict(generator=_base_.generator, encoder=_base_.encoder)
val_dataloader = dict(batch_size=4, dataset=dict(length=32))
custom_hooks = [dict(type='ReconstructionGridHook', max_images=4)]
