# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# StyleGAN2's projector (arXiv 1912.04958, appendix D): one style vector, and noise maps.
_base_ = ['./_domain.py']

model = dict(
    _delete_=True,
    type='NoiseProjector',
    generator=_base_.model.generator,
    statistics=_base_.model.statistics,
    losses=dict(pixel=_base_.model.losses.pixel, perceptual=_base_.model.losses.perceptual),
    num_steps=_base_.model.num_steps,
    keep_best=_base_.model.keep_best,
)
