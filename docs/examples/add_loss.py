# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A loss of one's own in an inversion: only the coarse structure of the image counts."""

import torch.nn.functional as F
from mmgen.registry import MODULES
from torch import Tensor, nn


@MODULES.register_module()
class CoarseL1Loss(nn.Module):
    """Mean absolute error of images that were reduced to ``size`` pixels."""

    compares = 'image'  # or 'base', 'detail': what prepare and forward receive

    def __init__(self, size: int = 16, loss_weight: float = 1.0):
        super().__init__()
        self.size, self.loss_weight = size, loss_weight

    def prepare(self, reference: Tensor) -> Tensor:
        """Compute once what all steps need of the target, RGB (n, 3, H, W) in [-1, 1]."""
        return F.adaptive_avg_pool2d(reference, self.size)

    def forward(self, value: Tensor, state: Tensor) -> Tensor:
        """Compare the current image with it; one value for each image, (n,)."""
        return (F.adaptive_avg_pool2d(value, self.size) - state).abs().flatten(1).mean(1)
