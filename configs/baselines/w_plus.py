# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# Image2StyleGAN (arXiv 1904.03189).
_base_ = ['./_domain.py']

model = dict(
    _delete_=True,
    type='WPlusInverter',
    generator=_base_.model.generator,
    statistics=_base_.model.statistics,
    losses=dict(pixel=_base_.model.losses.pixel, perceptual=_base_.model.losses.perceptual),
    optimizer=_base_.model.optimizer,
    num_steps=_base_.model.num_steps,
    keep_best=_base_.model.keep_best,
)
