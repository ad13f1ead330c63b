# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
_base_ = ['./_methods.py']

domain = 'bdinvert_inv_toon128'
judges = {
    'ST-LPIPS VGG': dict(type='STLPIPSLoss', net='vgg'),
    'ST-LPIPS Alex (optimised)': dict(type='STLPIPSLoss', net='alex', resize=64),
}
classifier = dict(
    type='ToonAttributes', checkpoint='asset://toon_attributes/judge128.safetensors', size=128
)
read = ['mouth', 'eyes']
edits = [
    dict(
        name='pale skin',
        direction='asset://toon128/pale_skin.safetensors',
        strengths=[0.5, 1, 1.5, 2, 2.5],
        attribute='skinColor',
        values='f1c3a5',
        options=dict(skinColor=['f1c3a5']),
    ),
    dict(
        name='black hair',
        direction='asset://toon128/black_hair.safetensors',
        strengths=[0.5, 1, 1.5, 2, 2.5],
        attribute='hairColor',
        values='2c1b18',
        options=dict(hairColor=['2c1b18']),
    ),
    dict(
        name='no beard',
        direction='asset://toon128/no_beard.safetensors',
        strengths=[0.5, 1, 1.5, 2, 2.5],
        attribute='has_beard',
        values='no',
        options=dict(beardProbability=0),
    ),
    dict(
        name='laugh',
        direction='asset://toon128/laughing.safetensors',
        strengths=[0.5, 1, 1.5, 2, 2.5],
        attribute='mouth',
        values='laugh',
        options=dict(mouthVariant='laugh'),
    ),
    dict(
        name='wide eyes',
        direction='asset://toon128/wide_eyes.safetensors',
        strengths=[0.5, 1, 1.5, 2, 2.5],
        attribute='eyes',
        values='wide',
        options=dict(eyesVariant='wide'),
    ),
]
