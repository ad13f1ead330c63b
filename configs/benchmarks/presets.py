# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# What the shorter presets cost in quality, beside W+ and pivotal tuning.
_base_ = ['./toon128.py']

methods = dict(
    _delete_=True,
    bdinvert_instant='instant, no steps',
    bdinvert_quick='quick, 20 steps',
    bdinvert_draft='draft, 30 steps',
    bdinvert_fast='fast, 105 steps',
    bdinvert_paper='paper, 1,200 steps',
    w_plus='W+, 60 steps',
    bdinvert_pti='tuned, 60 and 40 steps',
)
reference = 'bdinvert_fast'
without_geometry = ['w_plus']
free = []
most_faces = dict(bdinvert_paper=2)
