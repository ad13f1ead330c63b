# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
_base_ = ['./bdinvert_inv_ffhq.py']

model = dict(
    generator=dict(base_size=8),
    encoder=dict(base_size=8, checkpoint='work_dirs/bdinvert_enc_ffhq_8x8/iter_10000.pth'),
)
