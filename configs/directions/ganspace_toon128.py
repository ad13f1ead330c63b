# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
_base_ = ['../bdinvert_inv_toon128.py']

finder = dict(type='GANSpace', count=8)
