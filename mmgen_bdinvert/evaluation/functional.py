# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Distances between images, as pure functions."""

from __future__ import annotations

import torch
from torch import Tensor


def psnr(image: Tensor, target: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of images in [-1, 1], in dB; values outside are clamped.

    Args:
        image, target (Tensor): Shape (n, c, H, W).

    Returns:
        Tensor: Shape (n,), infinite for equal images.

    Raises:
        ValueError: If the shapes differ.
    """
    return psnr_of(mse(image, target))


def psnr_of(error: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio in dB of mean squared errors of images in [-1, 1]."""
    return 10 * (4 / error).log10()  # the peak-to-peak range is 2


def mse(image: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of images in [-1, 1]; values outside are clamped, as in :func:`psnr`.

    Args:
        image, target (Tensor): Shape (n, c, H, W).

    Returns:
        Tensor: Shape (n,).

    Raises:
        ValueError: If the shapes differ.
    """
    return _squared_error(image, target).flatten(1).mean(1)


def ssim(image: Tensor, target: Tensor) -> Tensor:
    """Structural similarity (Wang et al., 2004) of images in [-1, 1]; values outside are clamped.

    scikit-image's, with the Gaussian window of the paper, averaged over the channels.

    Args:
        image, target (Tensor): Shape (n, c, H, W), at least 11 pixels a side.

    Returns:
        Tensor: Shape (n,), 1 for equal images.

    Raises:
        ValueError: If the shapes differ, or the images are too small.
    """
    from skimage.metrics import structural_similarity  # importing it takes a second

    _check_shapes(image, target)
    settings = dict(gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    settings.update(data_range=1, channel_axis=0)
    # From [-1, 1] to [0, 1]: the luminance term needs intensities from 0 up.
    one, two = (x.clamp(-1, 1).add(1).div(2).cpu().numpy() for x in (image, target))
    values = [structural_similarity(a, b, **settings) for a, b in zip(one, two)]
    return torch.tensor(values, dtype=torch.float64)


def masked_rmse(image: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Root mean squared error of images in [-1, 1] inside a mask; values outside are clamped.

    Args:
        image, target (Tensor): Shape (n, c, H, W).
        mask (Tensor): Bool, (n, 1, H, W).

    Returns:
        Tensor: Shape (n,), NaN where a mask is empty.

    Raises:
        ValueError: If the shapes do not fit.
    """
    _check_shapes(image, target)
    if mask.shape != (len(image), 1, *image.shape[-2:]):
        raise ValueError(
            f'A mask of images {tuple(image.shape)} has the shape (n, 1, H, W), but got '
            f'{tuple(mask.shape)}.'
        )
    mask = mask.cpu()
    error = _squared_error(image, target).mean(1, keepdim=True)
    inside = (error * mask).flatten(1).sum(1)  # (n, 1, H, W) -> (n,)
    return (inside / mask.flatten(1).sum(1)).sqrt()


def _squared_error(image: Tensor, target: Tensor) -> Tensor:
    """Compute it in float64, on the CPU, as not every device has float64."""
    _check_shapes(image, target)
    error = image.clamp(-1, 1) - target.clamp(-1, 1)
    return error.cpu().to(torch.float64).square()


def _check_shapes(image: Tensor, target: Tensor) -> None:
    if image.shape != target.shape:
        raise ValueError(
            f'Images must have the shape of their targets, but got {tuple(image.shape)} and '
            f'{tuple(target.shape)}.'
        )
