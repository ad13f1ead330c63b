# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# Continues a generator whose discriminator is lost: the new discriminator first learns alone.
_base_ = ['./stylegan2_toon64.py']

param_scheduler = dict(
    generator=[dict(type='ConstantLR', factor=0.001, begin=0, end=300, by_epoch=False)],
    discriminator=[dict(type='ConstantLR', factor=1.0, begin=0, end=300, by_epoch=False)],
)
