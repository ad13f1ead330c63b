# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# Scores of toon faces, from a classifier that was trained on drawn ones.
labeller = dict(
    type='ClassScores',
    classifier=dict(
        type='ToonAttributes', checkpoint='asset://toon_attributes/labeller.safetensors'
    ),
    attributes=dict(
        skin_lightness=dict(of='skinColor', yes=['f1c3a5'], no=['5c3829']),
        hair_lightness=dict(of='hairColor', yes=['d6b370'], no=['2c1b18']),
        clothes_lightness=dict(
            of='clothesColor', yes=['e8e9e6', 'eab308'], no=['151613', '0b3286']
        ),
        beard=dict(of='has_beard', yes=['yes']),
        smile=dict(of='mouth', yes=['smile', 'laugh'], no=['angry', 'sad']),
        mouth_open=dict(of='mouth', yes=['agape', 'laugh'], no=['smile', 'sad']),
        eyes_open=dict(of='eyes', yes=['wide'], no=['happy', 'humble', 'bow']),
    ),
)
