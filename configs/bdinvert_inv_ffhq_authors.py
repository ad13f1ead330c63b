# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# The paper's setting with the authors' own encoder and P-norm+ statistics, as
# `bdinvert fetch ffhq-authors` leaves them, over OpenMMLab's weights of the same generator.
_base_ = ['./bdinvert_inv_ffhq.py']

model = dict(
    encoder=dict(checkpoint='fetched://ffhq-authors/encoder'),
    statistics=dict(path='fetched://ffhq-authors/statistics'),
)
