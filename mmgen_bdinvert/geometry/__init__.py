# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Geometric transforms of images and base codes.

Their convention is written down in :mod:`mmgen_bdinvert.geometry.transform`.
"""

from .base import Transform
from .command_line import read_motion
from .composition import Composition, compose, inverse, part_of
from .estimation import estimate_similarity, normalise_points
from .matrices import MatrixTransform, PerspectiveTransform
from .random_transform import RandomTransform
from .thin_plate_spline import ThinPlateSpline
from .transform import GeometricTransform
from .warping import transform_base, transform_image, validity_mask, warp

__all__ = [
    'Composition',
    'GeometricTransform',
    'MatrixTransform',
    'PerspectiveTransform',
    'RandomTransform',
    'ThinPlateSpline',
    'Transform',
    'compose',
    'estimate_similarity',
    'inverse',
    'normalise_points',
    'part_of',
    'read_motion',
    'transform_base',
    'transform_image',
    'validity_mask',
    'warp',
]
