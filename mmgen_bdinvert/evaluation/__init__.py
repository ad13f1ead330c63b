# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from .distribution import frechet_distance, precision_recall
from .equivariance import MAGNITUDES, EquivarianceRow, measure_equivariance
from .equivariance_report import equivariance_markdown, write_equivariance
from .functional import masked_rmse, psnr, ssim
from .reconstruction_metric import ReconstructionMetric
from .toon_attributes import ToonAttributes, attribute_accuracy, train_toon_attributes

__all__ = [
    'EquivarianceRow',
    'MAGNITUDES',
    'ReconstructionMetric',
    'ToonAttributes',
    'attribute_accuracy',
    'equivariance_markdown',
    'frechet_distance',
    'masked_rmse',
    'measure_equivariance',
    'precision_recall',
    'psnr',
    'ssim',
    'train_toon_attributes',
    'write_equivariance',
]
