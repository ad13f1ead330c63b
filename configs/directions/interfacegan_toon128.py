# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
_base_ = ['../bdinvert_inv_toon128.py', '../_base_/toon_attributes.py']

finder = dict(type='InterFaceGAN', labeller=_base_.labeller, mixed=True, conditions='all')
