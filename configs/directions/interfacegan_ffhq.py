# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# Labels by hand, or from any classifier, of samples that the tool draws with --draw-samples.
_base_ = ['../bdinvert_inv_ffhq.py']

finder = dict(
    type='InterFaceGAN', labels='data/ffhq_labels.csv', num_samples=10000, conditions='all'
)
