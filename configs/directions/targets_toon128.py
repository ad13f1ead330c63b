# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
_base_ = ['../bdinvert_inv_toon128.py', '../_base_/toon_attributes.py']
custom_imports = dict(imports=['mmgen_bdinvert', 'projects.toon_faces'], allow_failed_imports=False)

finder = dict(
    type='ClassTargets',
    labeller=dict(
        type='ClassLabels',
        classifier=_base_.labeller.classifier,
        # None may follow from others: the kinds of beards and of hair behind the head do.
        attributes=[
            *('hair', 'has_rearHair', 'has_beard', 'mouth', 'eyes', 'eyebrows', 'clothes'),
            *('skinColor', 'hairColor', 'clothesColor', 'backgroundColor'),
        ],
        sure=dict(mouth=0.8, eyes=0.8, has_beard=0.8),  # of a quarter of the samples
    ),
    targets=dict(
        black_hair=dict(of='hairColor', value='2c1b18'),
        blond_hair=dict(of='hairColor', value='d6b370'),
        pale_skin=dict(of='skinColor', value='f1c3a5'),
        dark_skin=dict(of='skinColor', value='5c3829'),
        no_beard=dict(of='has_beard', value='no'),
        laughing=dict(of='mouth', value='laugh'),
        wide_eyes=dict(of='eyes', value='wide'),
        closed_eyes=dict(of='eyes', value='humble'),
    ),
    num_samples=16000,
)
