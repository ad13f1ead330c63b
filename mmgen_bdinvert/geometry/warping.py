# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Warping images and base codes, in the convention of :mod:`mmgen_bdinvert.geometry.transform`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Union

import torch
import torch.nn.functional as F
from torch import Tensor

from .transform import GeometricTransform, invert_matrix

PADDING_MODES = ('border', 'reflection', 'zeros')
SAMPLING_MODES = ('bilinear', 'bicubic')

# Samples per axis and pixel that anti-aliasing may take: full quality down to a scale of 1/16.
_MAX_TAPS = 16
# Normalised coordinates are kept within this bound, so that pixel indices fit into integers.
_FAR = 1e4

TransformLike = Union[GeometricTransform, Tensor]


def _forward_matrix(transform: TransformLike, height: int, width: int) -> Tensor:
    """Return the (3, 3) float64 forward matrix of ``transform`` for a map of this size."""
    if isinstance(transform, GeometricTransform):
        return transform.matrix(aspect=width / height)
    if not isinstance(transform, Tensor):
        raise TypeError(
            'transform must be a GeometricTransform or a 3x3 tensor, '
            f'but got {type(transform).__name__}'
        )
    if transform.shape != (3, 3):
        raise ValueError(
            f'a matrix must be of shape (3, 3), but got shape {tuple(transform.shape)}'
        )
    return transform.cpu().double()


def _source_points(matrix: Tensor, height: int, width: int) -> Tensor:
    """Return where each destination pixel centre comes from: (H, W, 2) float64, (x, y) last.

    Everything is computed in float64 on the CPU, so that all devices sample the same points.
    """
    inverse = invert_matrix(matrix)
    rows = (2 * torch.arange(height, dtype=torch.float64) + 1) / height - 1
    columns = (2 * torch.arange(width, dtype=torch.float64) + 1) / width - 1
    y, x = torch.meshgrid(rows, columns, indexing='ij')
    source = torch.stack([x, y, torch.ones_like(x)], dim=-1) @ inverse.T  # [H, W, 3]
    point, weight = source[..., :2], source[..., 2:]
    # Beyond the horizon of a perspective matrix there is no source: such pixels read far outside.
    ahead = weight > 1e-9
    point = point / torch.where(ahead, weight, torch.ones_like(weight))
    return torch.where(ahead, point, torch.full_like(point, _FAR)).clamp(-_FAR, _FAR)


def _tap_offsets(points: Tensor, dim: int) -> list[Tensor]:
    """Return the offsets at which to sample along one destination axis so as not to alias.

    One destination pixel spans ``m`` source pixels along this axis. Sampling already covers one
    of them, so for ``m > 1`` the samples spread evenly over the ``sqrt(m^2 - 1)`` that miss in
    the sum of squares: nothing at m = 1, the whole pixel for a large m, continuous in between.

    Args:
        points (Tensor): (H, W, 2) source points.
        dim (int): 0 for the vertical axis, 1 for the horizontal one.

    Returns:
        list[Tensor]: Offsets of the source points, each (H, W, 2) or, with no need, one zero.
    """
    height, width = points.shape[:2]
    if points.shape[dim] < 2:
        return [points.new_zeros(())]
    step = torch.gradient(points.detach(), dim=dim)[0]  # [H, W, 2], per destination pixel
    span = (step * step.new_tensor([width / 2, height / 2])).norm(dim=-1, keepdim=True)
    part = (1 - span.clamp(min=1.0) ** -2).sqrt()  # [H, W, 1], share of the span to cover
    length = (span * part).max().item()
    if length < 1e-3:  # rotations and enlargements, up to rounding
        return [points.new_zeros(())]
    count = min(max(2, math.ceil(length)), _MAX_TAPS)  # at most one source pixel apart
    return [((i + 0.5) / count - 0.5) * part * step for i in range(count)]


def _taps(points: Tensor) -> Iterator[Tensor]:
    """Yield the (H, W, 2) source points whose samples are averaged into one warped map."""
    vertical = _tap_offsets(points, 0)
    for horizontal in _tap_offsets(points, 1):
        for offset in vertical:
            yield points + horizontal + offset


def warp(
    x: Tensor,
    transform: TransformLike,
    *,
    padding_mode: str = 'border',
    mode: str = 'bilinear',
) -> Tensor:
    """Move the content of a batch of maps, all in the same way.

    Shrinking is anti-aliased (in full down to a scale of 1/16) by averaging several samples per
    pixel. The identity returns an exact copy. Gradients reach ``x`` and, where a matrix is given
    that requires them, the matrix; the width of the anti-aliasing counts as a constant.

    Args:
        x (Tensor): (n, C, H, W), floating, any value range. Half precision is sampled in float32.
        transform (GeometricTransform | Tensor): The parameters, or a (3, 3) forward matrix,
            affine or perspective, in normalised coordinates of an H x W map.
        padding_mode (str): What lies outside the source: 'border' repeats the edge,
            'reflection' mirrors about it, 'zeros'. Defaults to 'border'.
        mode (str): 'bilinear', or 'bicubic', which may overshoot the range of ``x``.
            Defaults to 'bilinear'.

    Returns:
        Tensor: Same shape, dtype and device as ``x``.

    Raises:
        TypeError: If ``x`` is not a floating tensor or ``transform`` neither of the two.
        ValueError: If a shape or an option is unknown, or the matrix cannot be inverted.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f'only floating tensors can be warped, but got {kind}; call .float() first')
    if x.dim() != 4 or 0 in x.shape[1:]:
        raise ValueError(f'a batch must be of shape (n, C, H, W), but got shape {tuple(x.shape)}')
    if padding_mode not in PADDING_MODES:
        raise ValueError(f'padding_mode must be one of {PADDING_MODES}, but got {padding_mode!r}')
    if mode not in SAMPLING_MODES:
        raise ValueError(f'mode must be one of {SAMPLING_MODES}, but got {mode!r}')
    n, _, height, width = x.shape
    matrix = _forward_matrix(transform, height, width)
    if not matrix.requires_grad and torch.equal(matrix, torch.eye(3, dtype=matrix.dtype)):
        return x.clone()

    # Half precision cannot address a pixel of a large image, whatever the device supports.
    dtype = torch.float32 if x.dtype in (torch.float16, torch.bfloat16) else x.dtype
    source = x.to(dtype)
    total, count = torch.zeros_like(source), 0
    for points in _taps(_source_points(matrix, height, width)):
        grid = points.to(dtype).to(x.device).expand(n, height, width, 2)
        total = total + F.grid_sample(
            source, grid, mode=mode, padding_mode=padding_mode, align_corners=False
        )
        count += 1
    return (total / count).to(x.dtype)


def validity_mask(
    transform: TransformLike,
    size: int | tuple[int, int],
    *,
    device: torch.device | str | None = None,
) -> Tensor:
    """Tell which pixels of a warped map come from inside the source.

    A pixel is valid where its centre comes from within the edges of the source, borders included.

    Args:
        transform (GeometricTransform | Tensor): As for :func:`warp`.
        size (int | tuple[int, int]): The side of a square map, or its (height, width).
        device (torch.device | str, optional): Where to put the mask. Defaults to the CPU.

    Returns:
        Tensor: (1, 1, H, W) bool, True where valid.

    Raises:
        TypeError: If ``transform`` is of neither type.
        ValueError: If ``size`` is not one or two positive integers, or the matrix is unusable.
    """
    sides = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if len(sides) != 2 or not all(type(side) is int and side > 0 for side in sides):
        raise ValueError(f'size must be one or two positive integers, but got {size!r}')
    points = _source_points(_forward_matrix(transform, *sides), *sides)
    inside = (points.abs() <= 1 + 1e-9).all(dim=-1)  # [H, W]; edges count despite rounding
    return inside[None, None].to(device)  # [1, 1, H, W]


def transform_image(
    images: Tensor,
    transform: TransformLike,
    *,
    padding_mode: str = 'border',
    mode: str = 'bilinear',
) -> Tensor:
    """Apply T to images (section 3 of the paper).

    Args:
        images (Tensor): (n, 3, H, W), any channel order, usually in [-1, 1], where the value 0 of
            'zeros' padding is mid-grey.
        transform (GeometricTransform | Tensor): As for :func:`warp`.
        padding_mode (str): As for :func:`warp`. Defaults to 'border'.
        mode (str): As for :func:`warp`. Defaults to 'bilinear'.

    Returns:
        Tensor: Same shape, dtype and device as ``images``.

    Raises:
        TypeError: As :func:`warp`.
        ValueError: As :func:`warp`, or if the images have not 3 channels.
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
    padding_mode: str = 'border',
    mode: str = 'bilinear',
) -> Tensor:
    """Apply T' to base codes (section 3 of the paper).

    With the same ``transform``, ``G(transform_base(f, ...), w)`` shows what
    ``transform_image(G(f, w), ...)`` shows: a shift by one cell of the base code is a shift by
    ``resolution / s`` pixels of the image.

    Args:
        base (Tensor): (n, C, s, s) base codes.
        transform (GeometricTransform | Tensor): As for :func:`warp`.
        padding_mode (str): As for :func:`warp`. Defaults to 'border', which continues the
            background instead of inventing features of value 0.
        mode (str): As for :func:`warp`. Defaults to 'bilinear'.

    Returns:
        Tensor: Same shape, dtype and device as ``base``.

    Raises:
        TypeError: As :func:`warp`.
        ValueError: As :func:`warp`, or if the base codes are not square maps.
    """
    if isinstance(base, Tensor) and (base.dim() != 4 or base.shape[2] != base.shape[3]):
        raise ValueError(
            f'base codes must be of shape (n, C, s, s), but got shape {tuple(base.shape)}'
        )
    return warp(base, transform, padding_mode=padding_mode, mode=mode)
