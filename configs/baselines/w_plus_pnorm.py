# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# Style vectors held near the mean in P-norm+ space (II2S, arXiv 2012.09036).
_base_ = ['./_domain.py']

model = dict(
    _delete_=True,
    type='WPlusInverter',
    generator=_base_.model.generator,
    statistics=_base_.model.get('statistics'),
    losses={
        'detail': dict(type='PNormLoss'),
        **{
            name: loss
            for name, loss in (_base_.model.get('losses') or {}).items()
            if name in ('pixel', 'perceptual', 'detail')
        },
    },
    optimizer=_base_.model.get('optimizer'),
    num_steps=_base_.model.get('num_steps', 1200),
    keep_best=_base_.model.keep_best,
)
