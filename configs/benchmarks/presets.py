# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# What the shorter presets cost in quality.
_base_ = ['./toon64.py']

methods = dict(
    _delete_=True,
    bdinvert_paper='paper, 1,200 steps',
    bdinvert_fast='fast, 210 steps',
    bdinvert_draft='draft, 30 steps',
)
reference = 'bdinvert_paper'
num_steps = None
without_geometry = []
free = []
