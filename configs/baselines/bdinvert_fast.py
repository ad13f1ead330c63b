# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# The preset `fast`.
_base_ = ['./_domain.py']

model = dict(
    optimizer=dict(_delete_=True, type='ImageLBFGS', history=50),
    num_steps=210,
    amp='gradients',
    detail_space='pnorm',
)
