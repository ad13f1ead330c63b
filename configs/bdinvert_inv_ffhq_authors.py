# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# The paper's setting with the authors' own encoder and P-norm+ statistics, converted by
# tools/convert.py as docs/authors.md says, over OpenMMLab's weights of the same generator.
_base_ = ['./bdinvert_inv_ffhq.py']

model = dict(
    encoder=dict(checkpoint='checkpoints/authors/encoder.safetensors'),
    statistics=dict(path='checkpoints/authors/statistics.safetensors'),
)
