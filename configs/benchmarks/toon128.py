# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
_base_ = ['./_methods.py']

domain = 'bdinvert_inv_toon128'
judges = {
    'ST-LPIPS VGG': dict(type='STLPIPSLoss', net='vgg', resize=64),
    'ST-LPIPS Alex (optimised)': dict(type='STLPIPSLoss', net='alex', resize=64),
}
classifier = dict(type='ToonAttributes', checkpoint='asset://toon_attributes/judge.safetensors')
read = ['mouth', 'eyes']
edits = [
    dict(
        name='pale skin',
        direction='asset://toon128/skin_lightness.safetensors',
        strengths=[1, 1.5, 3, 4, 6],
        attribute='skinColor',
        values='f1c3a5',
        options=dict(skinColor=['f1c3a5']),
    ),
    dict(
        name='dark hair',
        direction='asset://toon128/hair_lightness.safetensors',
        strengths=[-1, -1.5, -3, -4, -6],
        attribute='hairColor',
        values='2c1b18',
        options=dict(hairColor=['2c1b18']),
    ),
    dict(
        name='no beard',
        direction='asset://toon128/beard.safetensors',
        strengths=[-1, -1.5, -3, -4, -6],
        attribute='has_beard',
        values='no',
        options=dict(beardProbability=0),
    ),
    dict(
        name='laugh',
        direction='asset://toon128/laugh.safetensors',
        strengths=[1, 1.5, 3, 4, 6],
        attribute='mouth',
        values='laugh',
        options=dict(mouthVariant='laugh'),
    ),
    dict(
        name='wide eyes',
        direction='asset://toon128/eyes_open.safetensors',
        strengths=[1, 1.5, 3, 4, 6],
        attribute='eyes',
        values='wide',
        options=dict(eyesVariant='wide'),
    ),
]
