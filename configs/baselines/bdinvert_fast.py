# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# The preset `fast`, from a detail encoder's prediction; without one the preset takes 210 steps.
_base_ = ['./_domain.py']

model = dict(
    optimizer=dict(_delete_=True, type='ImageLBFGS', history=50),
    num_steps=105,
    amp='gradients',
    detail_space='pnorm',
)
