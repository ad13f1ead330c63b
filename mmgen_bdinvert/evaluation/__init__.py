# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from .functional import psnr
from .reconstruction_metric import ReconstructionMetric

__all__ = ['ReconstructionMetric', 'psnr']
