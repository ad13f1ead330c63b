# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
_base_ = ['./bdinvert_inv_toon128.py']

model = dict(
    generator=dict(base_size=8),
    encoder=dict(
        base_channels=256, base_size=8, checkpoint='asset://toon128/encoder_8x8.safetensors'
    ),
    detail_encoder=dict(num_detail=10, checkpoint='asset://toon128/detail_encoder_8x8.safetensors'),
)
