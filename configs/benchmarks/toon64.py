# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
_base_ = ['./_methods.py']

domain = 'bdinvert_inv_toon64'
num_steps = 100
judges = {
    'ST-LPIPS VGG': dict(type='STLPIPSLoss', net='vgg'),
    'ST-LPIPS Alex (optimised)': dict(type='STLPIPSLoss', net='alex'),
}
classifier = dict(type='ToonAttributes', checkpoint='asset://toon_attributes/judge.safetensors')
edits = [
    dict(
        name='pale skin',
        direction='asset://toon64/skin_lightness.safetensors',
        strengths=[1, 2, 3, 4, 6],
        attribute='skinColor',
        values='f1c3a5',
        options=dict(skinColor=['f1c3a5']),
    ),
    dict(
        name='dark hair',
        direction='asset://toon64/hair_lightness.safetensors',
        strengths=[-1, -2, -3, -4, -6],
        attribute='hairColor',
        values='2c1b18',
        options=dict(hairColor=['2c1b18']),
    ),
]
