# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Images reduced as the authors' released program reduces them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmgen.registry import MODULES
from PIL import Image
from torch import Tensor, nn

from ...utils.numbers import checked_number
from ..parts import build_part

__all__ = ['ReleasedPerceptualLoss', 'resize_lanczos']


def resize_lanczos(images: Tensor, size: int) -> Tensor:
    """Resize images with Pillow's Lanczos filter, rounded to 8 bits before and after.

    Args:
        images (Tensor): Shape (n, 3, H, W) in [-1, 1]; no gradient goes through.
        size (int): Side of the result.

    Returns:
        Tensor: Shape (n, 3, size, size) in [-1, 1].
    """
    pixels = ((images.detach() + 1) * 127.5 + 0.5).clamp(0, 255).to(torch.uint8)
    resized = [
        np.asarray(Image.fromarray(rgb).resize((size, size), Image.Resampling.LANCZOS))
        for rgb in pixels.permute(0, 2, 3, 1).cpu().numpy()  # [NHWC]
    ]
    planes = torch.from_numpy(np.stack(resized)).permute(0, 3, 1, 2)  # [NCHW]
    return planes.to(images) / 127.5 - 1


@MODULES.register_module()
class ReleasedPerceptualLoss(nn.Module):
    """A perceptual distance between images as the authors' released program resizes them.

    The target is resized by :func:`resize_lanczos`, the other image bicubically without
    antialiasing, whether that reduces or enlarges them.

    Args:
        distance (dict | nn.Module): The distance, such as an ``LPIPSLoss``, with its weight; or its
            config.
        size (int): Side that images are resized to. Defaults to 256.
    """

    compares = 'image'

    def __init__(self, distance: dict | nn.Module, size: int = 256) -> None:
        super().__init__()
        self.distance = build_part('distance', distance, has='compares')
        self.loss_weight = self.distance.loss_weight
        self.size = checked_number('size', size, least=1, whole=True)

    def prepare(self, reference: Tensor) -> Any:
        """Reduce the target, RGB (n, 3, H, W) in [-1, 1], and prepare the distance with it."""
        return self.distance.prepare(resize_lanczos(reference, self.size))

    def forward(self, value: Tensor, state: Any) -> Tensor:
        """Compare ``value``, RGB (n, 3, H, W) in [-1, 1], with the target; returns (n,)."""
        size = (self.size, self.size)
        reduced = F.interpolate(value, size, mode='bicubic', align_corners=False)
        return self.distance(reduced, state)
