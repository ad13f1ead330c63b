# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# The preset `quick`.
_base_ = ['./bdinvert_fast.py']

model = dict(num_steps=20)
