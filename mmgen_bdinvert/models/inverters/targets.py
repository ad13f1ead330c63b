# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What is inverted."""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ['checked_mask', 'covered', 'inpainted']

_SIDE = 256  # pixels, in which is inpainted: encoders read about as many
_RADIUS = 3  # of the pixels there that a filled one is computed from
_COUNTS = 0.99  # least of a mask where a pixel is taken as it is


def checked_mask(images: Tensor, mask: Tensor | None, size: int) -> Tensor | None:
    """Return a mask (n, 1, size, size); it, or images (n, 3, size, size), may be refused.

    Raises:
        ValueError: They are not of this shape, not finite, or a mask is not from 0 to 1.
    """
    if images.ndim != 4 or tuple(images.shape[1:]) != (3, size, size):
        raise ValueError(
            f'Images have the shape (n, 3, {size}, {size}), but got {tuple(images.shape)}.'
        )
    if not torch.isfinite(images).all():
        raise ValueError('Images must be finite, but got NaN or infinite values.')
    if mask is None:
        return None
    wanted = (len(images), 1, size, size)
    if tuple(mask.shape) != wanted or not ((mask >= 0) & (mask <= 1)).all():
        raise ValueError(
            f'A mask has the shape {wanted} and values from 0 to 1, but got {tuple(mask.shape)} '
            f'from {mask.min().item():g} to {mask.max().item():g}.'
        )
    return mask.to(images)


def covered(output: Tensor, images: Tensor, mask: Tensor | None) -> Tensor:
    """Return what losses see: where a mask is 0 the target itself, so that nothing is compared."""
    return output if mask is None else images + mask * (output - images)


def inpainted(images: Tensor, mask: Tensor) -> Tensor:
    """Fill what a mask hides from what lies around it, by Telea's method (OpenCV).

    Args:
        images (Tensor): Shape (n, 3, H, H), in [-1, 1].
        mask (Tensor): 0 where nothing counts, 1 where all does, (n, 1, H, H).

    Returns:
        Tensor: Shape (n, 3, H, H); equal to ``images`` where all counts.
    """
    hidden = mask < _COUNTS
    side = min(images.shape[-1], _SIDE)
    small = F.interpolate(images, (side, side), mode='area')
    around = F.adaptive_max_pool2d(hidden.float(), side)  # nothing hidden is mixed into a source
    pixels = (small.clamp(-1, 1) * 127.5 + 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    holes = around[:, 0].byte().cpu().numpy()
    filled = [cv2.inpaint(*pair, _RADIUS, cv2.INPAINT_TELEA) for pair in zip(pixels, holes)]
    filled = torch.from_numpy(np.stack(filled)).permute(0, 3, 1, 2).to(images) / 127.5 - 1
    filled = F.interpolate(filled, images.shape[-2:], mode='bilinear', align_corners=False)
    return torch.where(hidden, filled, images)
