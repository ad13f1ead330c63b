# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# Pivotal tuning (PTI, arXiv 2106.05744) of the generator's tail, after BDInvert.
_base_ = ['./_domain.py']

model = dict(
    _delete_=True,
    type='PivotalTuningInverter',
    pivot=_base_.model,
    optimizer=dict(type='Adam', lr=0.001),
    num_steps=40,
    keep_best=_base_.model.keep_best,
)
