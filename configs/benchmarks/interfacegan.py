# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# The same inversions as those of toon128.py, edited along directions instead of to targets.
_base_ = ['./toon128.py']

edits = [
    {
        **edit,
        'direction': f'asset://toon128/{name}.safetensors',
        'strengths': [sign * strength for strength in [1, 1.5, 3, 4, 6]],
    }
    for edit, name, sign in zip(
        _base_.edits,
        ['skin_lightness', 'hair_lightness', 'beard', 'laugh', 'eyes_open'],
        [1, -1, -1, 1, 1],
    )
]
