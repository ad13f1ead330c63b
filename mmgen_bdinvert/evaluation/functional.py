# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Distances between images, as pure functions."""

from __future__ import annotations

from torch import Tensor

__all__ = ['psnr']


def psnr(image: Tensor, target: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of images in [-1, 1], in dB; values outside are clamped.

    Args:
        image (Tensor): Shape (n, c, H, W).
        target (Tensor): Same shape.

    Returns:
        Tensor: Shape (n,), infinite for equal images.

    Raises:
        ValueError: If the shapes differ.
    """
    if image.shape != target.shape:
        raise ValueError(
            f'PSNR compares images of one shape, but got {tuple(image.shape)} and '
            f'{tuple(target.shape)}.'
        )
    error = (image.clamp(-1, 1) - target.clamp(-1, 1)).double().square().flatten(1).mean(1)
    return 10 * (4 / error).log10()  # the peak-to-peak range is 2
