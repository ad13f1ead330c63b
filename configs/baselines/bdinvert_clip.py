# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# The paper's own form of the detail regulariser: whitened style vectors are clamped, to 2 standard
# deviations, after each step.
_base_ = ['./_domain.py']

model = dict(losses=dict(detail=None), clip=2.0)
