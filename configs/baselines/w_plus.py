# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# Image2StyleGAN (arXiv 1904.03189).
_base_ = ['./w_plus_pnorm.py']

model = dict(losses=dict(detail=None))
