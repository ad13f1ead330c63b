# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What an inversion compares: images, base codes and detail codes.

Every loss of this folder is registered in ``MODULES`` and follows one contract:

* the class attribute ``compares`` is ``'image'``, ``'base'`` or ``'detail'``;
* ``prepare(reference)`` is called once per inversion and returns the loss's state;
* ``forward(value, state)`` returns one *unweighted* value per image, shape (n,), so that a batch
  inverts exactly as its images do alone;
* ``loss_weight`` is stored for the parent, which multiplies with it.

Image losses receive RGB in [-1, 1], whatever channel order the generator emits.
"""

from .latent import (
    BaseCodeDistance,
    FrameDistance,
    PNormLoss,
    StyleVectorDistance,
    WhitenedCodeDistance,
)
from .perceptual import LPIPSLoss, STLPIPSLoss
from .pixel import GradientL1Loss, PixelL1Loss, PixelMSELoss
from .released import ReleasedPerceptualLoss

__all__ = [
    'BaseCodeDistance',
    'FrameDistance',
    'GradientL1Loss',
    'LPIPSLoss',
    'PNormLoss',
    'PixelL1Loss',
    'PixelMSELoss',
    'ReleasedPerceptualLoss',
    'STLPIPSLoss',
    'StyleVectorDistance',
    'WhitenedCodeDistance',
]
