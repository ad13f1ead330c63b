# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Images of any kind to one batch in a generator's channel order and resolution."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Union

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..io import FIT_MODES, image_to_tensor
from ..io.colours import to_srgb
from ..io.decoding import decode, orientation, turned
from ..io.images import checked_picture, make_square

__all__ = ['ImageLike', 'to_batch', 'to_masks', 'with_sides']

ImageLike = Union[str, os.PathLike, Image.Image, np.ndarray]
_SAME_ASPECT = 0.01  # difference in aspect ratio, which rounding to pixels makes


def to_batch(
    images: ImageLike | Sequence[ImageLike] | Tensor,
    size: int,
    channel_order: str,
    fit: str = 'crop',
) -> Tensor:
    """Turn images into one batch.

    Args:
        images (ImageLike | Sequence[ImageLike] | Tensor): A path, a PIL image, an RGB uint8 array
            (H, W, 3), a list of such; or an RGB float tensor (n, 3, H, W) in [-1, 1].
        size (int): Side of the images of the batch in pixels.
        channel_order (str): Order of the batch, ``'rgb'`` or ``'bgr'``.
        fit (str): How to make an image square; see :func:`mmgen_bdinvert.io.read_image`. Defaults
            to 'crop'.

    Returns:
        Tensor: float32 (n, 3, size, size) in [-1, 1]; a tensor stays on its device.

    Raises:
        TypeError: An image is of another type.
        ValueError: It has another shape or range, ``fit`` is unknown, or there is no image.
        ImageReadError: A file cannot be read.
    """
    return with_sides(images, size, channel_order, fit)[0]


def with_sides(
    images: ImageLike | Sequence[ImageLike] | Tensor, size: int, channel_order: str, fit: str
) -> tuple[Tensor, list[tuple[int, int]]]:
    """Turn images into one batch as :func:`to_batch` does; also width and height of each."""
    if fit not in FIT_MODES:
        raise ValueError(f'fit must be one of {", ".join(FIT_MODES)}, but got {fit!r}.')
    if isinstance(images, Tensor):
        batch = _fit_tensor(_checked(images), size, fit)
        sides = [(images.shape[3], images.shape[2])] * len(images)
        return batch.flip(1) if channel_order == 'bgr' else batch, sides
    if isinstance(images, (str, os.PathLike, Image.Image, np.ndarray)):
        images = [images]
    if not isinstance(images, Sequence):
        raise TypeError(
            f'images must be a path, a PIL image, an RGB uint8 array, a list of these or a float '
            f'tensor, but got {type(images).__name__}.'
        )
    if not images:
        raise ValueError('At least one image must be given, but got none.')
    rows, sides = [], []
    for image in images:
        upright = _upright(image, size)
        rows.append(image_to_tensor(np.array(make_square(upright, size, fit)), channel_order))
        sides.append(upright.size)
    return torch.cat(rows), sides  # [NCHW]


def to_masks(
    masks: ImageLike | Sequence[ImageLike] | Tensor,
    sides: Sequence[tuple[int, int]],
    size: int,
    fit: str = 'crop',
) -> Tensor:
    """Turn masks of images into one batch.

    Args:
        masks (ImageLike | Sequence[ImageLike] | Tensor): As for :func:`to_batch`, white where an
            image counts and black where it does not; or a tensor (n, 1, H, W) from 0 to 1. One for
            each image, or one for all.
        sides (Sequence[tuple[int, int]]): Width and height of each of the n images.
        size, fit: As for :func:`to_batch`.

    Returns:
        Tensor: float32 (n, 1, size, size) from 0 to 1.

    Raises:
        TypeError, ValueError, ImageReadError: As :func:`to_batch`, or the number is another one, or
            a mask has another aspect ratio than its image.
    """
    if isinstance(masks, Tensor):
        if masks.ndim != 4 or masks.shape[1] != 1:
            raise ValueError(
                f'A tensor of masks has the shape (n, 1, H, W), but got {tuple(masks.shape)}.'
            )
        if not ((masks >= 0) & (masks <= 1)).all():
            low, high = masks.min().item(), masks.max().item()
            raise ValueError(f'A tensor of masks lies in [0, 1], but got [{low:g}, {high:g}].')
        masks = (2 * masks.float() - 1).expand(-1, 3, -1, -1)
    batch, of_masks = with_sides(masks, size, 'rgb', fit)
    count = len(sides)
    if len(batch) not in (1, count):
        raise ValueError(f'{count} images need one mask or {count}, but got {len(batch)}.')
    for (width, height), (across, down) in zip(sides, of_masks * (count // len(batch))):
        if abs(across * height / (down * width) - 1) > _SAME_ASPECT:
            raise ValueError(
                f'A mask has the aspect ratio of its image of {width}x{height} pixels, but got one '
                f'of {across}x{down}.'
            )
    shown = batch.mean(1, keepdim=True) / 2 + 0.5  # [N1HW]
    return shown.expand(count, -1, -1, -1)


def _upright(image: ImageLike, size: int) -> Image.Image:
    """Read an image that becomes ``size`` pixels wide, as sRGB."""
    if isinstance(image, (str, os.PathLike)):
        return decode(image, size)
    if isinstance(image, np.ndarray):
        image = Image.fromarray(np.ascontiguousarray(checked_picture(image, 'An array')))
    if not isinstance(image, Image.Image):
        raise TypeError(
            f'An image must be a path, a PIL image or an RGB uint8 array, but got '
            f'{type(image).__name__}.'
        )
    return turned(to_srgb(image, 'an image'), orientation(image))


def _checked(images: Tensor) -> Tensor:
    if images.ndim != 4 or images.shape[1] != 3 or 0 in images.shape:
        raise ValueError(
            f'A tensor of images has the shape (n, 3, H, W), but got {tuple(images.shape)}.'
        )
    if not images.is_floating_point():
        raise TypeError(
            f'A tensor of images is floating, in [-1, 1], but got {images.dtype}: give uint8 '
            f'pictures as arrays.'
        )
    low, high = images.min().item(), images.max().item()
    if not (low >= -1.001 and high <= 1.001):  # NaN included
        raise ValueError(f'A tensor of images lies in [-1, 1], but got [{low:g}, {high:g}].')
    return images.detach().float().clamp(-1, 1)


def _fit_tensor(images: Tensor, size: int, fit: str) -> Tensor:
    """Resize (n, 3, H, W) without rounding to 8 bits; the same geometry as for files."""
    height, width = images.shape[-2:]
    if height == width == size:
        return images
    if fit == 'crop':
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        images = images[..., top : top + side, left : left + side]
    elif fit == 'pad' and height != width:
        side = max(height, width)
        edges = images[..., [0, -1]] if height > width else images[..., [0, -1], :]
        square = edges.mean((2, 3), keepdim=True).repeat(1, 1, side, side)
        top, left = (side - height) // 2, (side - width) // 2
        square[..., top : top + height, left : left + width] = images
        images = square
    images = F.interpolate(
        images, (size, size), mode='bilinear', align_corners=False, antialias=True
    )
    return images.clamp(-1, 1)
