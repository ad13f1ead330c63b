# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
_base_ = ['./_domain.py']

model = dict(losses=dict(base=None, detail=None))
