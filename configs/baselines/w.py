# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# StyleGAN2's projector (arXiv 1912.04958, appendix D): one style vector, and noise maps.
_base_ = ['./w_plus.py']

model = dict(type='NoiseProjector', optimizer=None)
