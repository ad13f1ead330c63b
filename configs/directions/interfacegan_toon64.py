# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
_base_ = ['../bdinvert_inv_toon64.py', '../_base_/toon_attributes.py']
custom_imports = dict(imports=['mmgen_bdinvert', 'projects.toon_faces'], allow_failed_imports=False)

finder = dict(type='InterFaceGAN', labeller=_base_.labeller, mixed=True, conditions='all')
