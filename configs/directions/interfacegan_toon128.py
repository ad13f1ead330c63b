# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
_base_ = ['../bdinvert_inv_toon128.py', '../_base_/toon_attributes.py']
custom_imports = dict(imports=['mmgen_bdinvert', 'projects.toon_faces'], allow_failed_imports=False)

# From one end of a scale of TOON_LABELS towards the other.
finder = dict(
    type='InterFaceGAN',
    labeller=dict(
        type='ClassScores',
        classifier=_base_.labeller.classifier,
        attributes=dict(
            skin_lightness=dict(of='skinColor', yes=['f1c3a5'], no=['5c3829']),
            hair_lightness=dict(of='hairColor', yes=['d6b370'], no=['2c1b18']),
            clothes_lightness=dict(of='clothesColor', yes=['e8e9e6'], no=['151613']),
            beard=dict(of='has_beard', yes=['yes']),
            laugh=dict(of='mouth', yes=['laugh'], no=['angry']),
            eyes_open=dict(of='eyes', yes=['wide'], no=['happy', 'humble', 'bow']),
        ),
    ),
    mixed=True,
    conditions='all',
)
