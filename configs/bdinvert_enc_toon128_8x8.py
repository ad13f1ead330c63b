# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
_base_ = ['./bdinvert_enc_toon128.py']

model = dict(generator=dict(base_size=8), encoder=dict(base_channels=256, base_size=8))
