# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# Style vectors held near the mean in P-norm+ space (II2S, arXiv 2012.09036).
_base_ = ['./_domain.py']

model = dict(
    _delete_=True,
    type='WPlusInverter',
    generator=_base_.model.generator,
    statistics=_base_.model.statistics,
    losses=dict(
        pixel=_base_.model.losses.pixel,
        perceptual=_base_.model.losses.perceptual,
        detail=_base_.model.losses.detail,
    ),
    optimizer=_base_.model.optimizer,
    num_steps=_base_.model.num_steps,
    keep_best=_base_.model.keep_best,
)
