# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from .distribution import frechet_distance, precision_recall
from .functional import masked_rmse, mse, psnr, ssim
from .reconstruction_metric import ReconstructionMetric

__all__ = [
    'ReconstructionMetric',
    'frechet_distance',
    'masked_rmse',
    'mse',
    'precision_recall',
    'psnr',
    'ssim',
]
