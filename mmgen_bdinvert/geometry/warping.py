# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Warping images and base codes, in the convention of :mod:`mmgen_bdinvert.geometry.transform`."""

from __future__ import annotations

from typing import Union

import torch
from torch import Tensor

from .matrices import TransformLike, as_transform
from .sampling import pixel_centres, sample

__all__ = [
    'PADDING_MODES',
    'SAMPLING_MODES',
    'PaddingLike',
    'transform_base',
    'transform_image',
    'validity_mask',
    'warp',
]

PaddingLike = Union[str, Tensor]
PADDING_MODES = ('border', 'reflection', 'zeros')
SAMPLING_MODES = ('bilinear', 'bicubic')
_EYE = torch.eye(3, dtype=torch.float64)


def warp(
    x: Tensor,
    transform: TransformLike,
    *,
    padding_mode: PaddingLike = 'border',
    mode: str = 'bilinear',
) -> Tensor:
    """Move the content of a batch of maps; shape, dtype and device stay.

    Shrinking is anti-aliased (in full down to a scale of 1/16). The identity returns an exact copy.
    Gradients reach ``x``, a fill, and the tensors that a transform is made of; the width of the
    anti-aliasing counts as a constant.

    Args:
        x (Tensor): (n, C, H, W), floating, any value range. Half precision is sampled in float32.
        transform (Transform | Tensor): The motion, or a (3, 3) forward matrix, affine or
            perspective, in normalised coordinates of an H x W map.
        padding_mode (str | Tensor): What lies outside the source: 'border' repeats the edge,
            'reflection' mirrors about it, 'zeros'; or a map (1, C, H, W) or (n, C, H, W) that is
            not moved and fills it, blended at the seam as ``mode`` interpolates.
            Defaults to 'border'.
        mode (str): 'bilinear', or 'bicubic', which may overshoot the range of ``x``.
            Defaults to 'bilinear'.

    Raises:
        TypeError: If ``x`` is not a floating tensor or ``transform`` neither of the two.
        ValueError: If a shape or an option is unknown, or the transform cannot be inverted where
            that is needed.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f'only floating tensors can be warped, but got {kind}; call .float() first')
    if x.dim() != 4 or 0 in x.shape[1:]:
        raise ValueError(f'a batch must be of shape (n, C, H, W), but got shape {tuple(x.shape)}')
    _check_padding(padding_mode, x)
    if mode not in SAMPLING_MODES:
        raise ValueError(f'mode must be one of {SAMPLING_MODES}, but got {mode!r}')
    transform = as_transform(transform)
    height, width = x.shape[2:]
    aspect = width / height
    matrix = transform.matrix(aspect=aspect)
    if matrix is not None and not matrix.requires_grad and torch.equal(matrix, _EYE):
        return x.clone()

    points = transform.source_points(pixel_centres(height, width), aspect=aspect)
    # Half precision cannot address a pixel of a large image, whatever the device supports.
    source = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    if isinstance(padding_mode, str):
        return sample(source, points, padding_mode=padding_mode, mode=mode).to(x.dtype)
    inside = sample(torch.ones_like(source[:1, :1]), points, padding_mode='zeros', mode=mode)
    moved = sample(source, points, padding_mode='zeros', mode=mode)
    return (moved + (1 - inside) * padding_mode.to(moved)).to(x.dtype)


def _check_padding(padding_mode: PaddingLike, x: Tensor) -> None:
    """Refuse a padding that is neither a known mode nor a map that fits ``x``."""
    if isinstance(padding_mode, Tensor):
        shapes = (x.shape, (1, *x.shape[1:]))
        if tuple(padding_mode.shape) not in map(tuple, shapes):
            raise ValueError(
                f'a fill must be of shape {" or ".join(str(tuple(s)) for s in shapes)}, but got '
                f'shape {tuple(padding_mode.shape)}'
            )
    elif padding_mode not in PADDING_MODES:
        raise ValueError(
            f'padding_mode must be one of {PADDING_MODES}, or a map, but got {padding_mode!r}'
        )


def validity_mask(
    transform: TransformLike,
    size: int | tuple[int, int],
    *,
    device: torch.device | str | None = None,
) -> Tensor:
    """Tell for which pixels of a warped map the centre comes from within the source's edges.

    Args:
        transform (Transform | Tensor): As for :func:`warp`.
        size (int | tuple[int, int]): The side of a square map, or its (height, width).
        device (torch.device | str, optional): Of the mask. Defaults to the CPU.

    Returns:
        Tensor: (1, 1, H, W) bool, True where valid.

    Raises:
        TypeError, ValueError: As :func:`warp`, or ``size`` is not one or two positive integers.
    """
    sides = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if len(sides) != 2 or not all(type(side) is int and side > 0 for side in sides):
        raise ValueError(f'size must be one or two positive integers, but got {size!r}')
    height, width = sides
    centres = pixel_centres(height, width)
    points = as_transform(transform).source_points(centres, aspect=width / height)
    inside = (points.abs() <= 1 + 1e-9).all(dim=-1)  # [H, W]; edges count despite rounding
    return inside[None, None].to(device)  # [1, 1, H, W]


def transform_image(
    images: Tensor,
    transform: TransformLike,
    *,
    padding_mode: PaddingLike = 'border',
    mode: str = 'bilinear',
) -> Tensor:
    """Apply T to images (n, 3, H, W), see :func:`warp` (section 3 of the paper).

    Usually in [-1, 1], where the value 0 of 'zeros' padding is mid-grey.

    Raises:
        TypeError, ValueError: As :func:`warp`, or the images have not 3 channels.
    """
    if isinstance(images, Tensor) and (images.dim() != 4 or images.shape[1] != 3):
        raise ValueError(
            f'images must be of shape (n, 3, H, W), but got shape {tuple(images.shape)}; '
            'use warp() for other maps'
        )
    return warp(images, transform, padding_mode=padding_mode, mode=mode)


def transform_base(
    base: Tensor,
    transform: TransformLike,
    *,
    padding_mode: PaddingLike = 'border',
    mode: str = 'bicubic',
) -> Tensor:
    """Apply T' to base codes (section 3 of the paper).

    With the same ``transform``, ``G(transform_base(f, ...), w)`` shows what
    ``transform_image(G(f, w), ...)`` shows: a shift by one cell of the base code is a shift by
    ``resolution / s`` pixels of the image.

    Args:
        base (Tensor): (n, C, s, s) base codes.
        transform, padding_mode, mode: As for :func:`warp`. 'border' continues the background
            instead of inventing features of value 0, and 'bicubic', the default here, loses less
            of the few cells.

    Raises:
        TypeError, ValueError: As :func:`warp`, or the base codes are not square maps.
    """
    if isinstance(base, Tensor) and (base.dim() != 4 or base.shape[2] != base.shape[3]):
        raise ValueError(
            f'base codes must be of shape (n, C, s, s), but got shape {tuple(base.shape)}'
        )
    return warp(base, transform, padding_mode=padding_mode, mode=mode)
