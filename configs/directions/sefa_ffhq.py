# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
_base_ = ['../bdinvert_inv_ffhq.py']

finder = dict(type='SeFa', count=20)
