# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from .comparison import compare_with_w_plus, w_plus_baseline
from .distribution import frechet_distance, precision_recall
from .functional import psnr
from .reconstruction_metric import ReconstructionMetric

__all__ = [
    'ReconstructionMetric',
    'compare_with_w_plus',
    'frechet_distance',
    'precision_recall',
    'psnr',
    'w_plus_baseline',
]
