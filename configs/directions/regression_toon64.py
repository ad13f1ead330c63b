# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# Colours where an aligned toon face shows them: the nose, above the forehead, the chest.
_base_ = ['../bdinvert_inv_toon64.py']

finder = dict(
    type='Regression',
    labeller=dict(
        type='PatchLightness',
        patches=dict(
            skin_lightness=((0.56, 0.63), (0.44, 0.56)),
            hair_lightness=((0.12, 0.20), (0.42, 0.58)),
            clothes_lightness=((0.90, 0.99), (0.42, 0.58)),
        ),
    ),
)
