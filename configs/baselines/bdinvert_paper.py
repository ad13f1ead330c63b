# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# The preset `paper`: its own schedule, in which the last state counts.
_base_ = ['./_domain.py']

model = dict(
    optimizer=dict(_delete_=True, type='Adam', lr=0.01),
    num_steps=1200,
    keep_best=False,
    amp=False,
    detail_space='w+',
    detail_encoder=None,
)
