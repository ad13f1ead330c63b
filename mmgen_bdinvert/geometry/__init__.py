# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Geometric transforms of images (T) and of base codes (T') in one convention.

The convention is written down once, in :mod:`mmgen_bdinvert.geometry.transform`.
"""

from .transform import GeometricTransform
from .warping import transform_base, transform_image, validity_mask, warp

__all__ = [
    'GeometricTransform',
    'transform_base',
    'transform_image',
    'validity_mask',
    'warp',
]
