# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The method: regularised inversion, and the inversions that it is compared with."""

from .image_lbfgs import ImageLBFGS
from .noise_projector import NoiseProjector
from .pivotal_tuning import PivotalTuningInverter
from .presets import PRESETS
from .regularized import RegularizedInverter
from .released import ReleasedInverter
from .w_plus import WPlusInverter

__all__ = [
    'ImageLBFGS',
    'NoiseProjector',
    'PRESETS',
    'PivotalTuningInverter',
    'RegularizedInverter',
    'ReleasedInverter',
    'WPlusInverter',
]
