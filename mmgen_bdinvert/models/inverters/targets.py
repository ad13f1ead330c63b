# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What is inverted."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ['checked_mask', 'covered']


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
