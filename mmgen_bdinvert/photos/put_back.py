# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""An edited window back into its photo, at the photo's own resolution.

What an edit changes is added to the photo: the difference of two renderings, before and after it.
So everything that the generator does not know, such as pores, single hairs and grain, stays. Where
the reconstruction had not met the photo, as at a hand or a texture behind the face, less is added;
and of a face that was found, what is far from it stays, though the generator may change that too.
Where a change follows the photo, as lighter hair does its outline, it gets the photo's edges, which
are sharper than the generator's: a guided filter (He et al., TPAMI 2013) in its fast form (arXiv
1505.00996).
Motions move the photo's own pixels, by less and less
towards the border of the window, and what comes in is what lies there in the photo.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..geometry import GeometricTransform, Transform, transform_image
from ..geometry.sampling import pixel_centres
from ..io import image_to_tensor
from .whole_photo import WholePhoto
from .window import Window, cut

__all__ = ['feather', 'put_back']

_FEATHER = 0.2  # of half a window: where its edit fades out
_ROWS = 256  # of a photo that are worked on at a time
_UNMET = 60 / 127.5  # a distance at which half of a change is added
_FACE = 0.42, 0.5  # half axes of head and shoulders, in sides of a face's aligned square
_FADED = 1.5  # times that: where its edit has faded out
_SIDE = 256  # pixels, to which larger renderings are reduced to explain a change by the photo
_AROUND = 5  # of these pixels, over which it is explained
_NOISE = 0.1**2  # squared difference of colours, in [-1, 1], that explains nothing
_LEAST_AREA = 0.1  # to which a motion that fades out may shrink anything, before it folds


def feather(points: Tensor) -> Tensor:
    """Return the share of a window at normalised points (..., 2): 1 inside, 0 from its border."""
    return _smooth((1 - points.abs()) / _FEATHER).prod(-1)


def put_back(
    photo: WholePhoto,
    window: Window,
    before: np.ndarray,
    after: np.ndarray,
    *,
    original: np.ndarray | None = None,
    motion: Transform | None = None,
    mask: np.ndarray | None = None,
    square: Window | None = None,
) -> np.ndarray:
    """Apply an edit, and maybe a motion, to a photo.

    Args:
        photo (WholePhoto): The photo.
        window (Window): What of it was inverted.
        before (np.ndarray): The moved code as rendered without the edit, RGB uint8 (r, r, 3).
        after (np.ndarray): With the edit.
        original (np.ndarray | None): The code as rendered before it was moved. Defaults to None,
            which is ``before``.
        motion (Transform | None): The motion of what the window shows. Defaults to None.
        mask (np.ndarray | None): How much of the window may change, float32 (r, r) from 0 to 1.
            Defaults to None, all of it.
        square (Window | None): The aligned square of the face. Defaults to None: all of the window
            is of interest.

    Returns:
        np.ndarray: Pixels of the photo in its own colours, RGB uint8 (H, W, 3): outside the window,
        and wherever nothing changes, those of the photo, bit for bit.

    Raises:
        ValueError: The window is none of this photo.
    """
    motion = GeometricTransform() if motion is None or motion.is_identity else motion
    pixels = photo.pixels
    height, width = pixels.shape[:2]
    left, upper, right, lower = window.box(width, height)
    original = before if original is None else original
    change = _change(photo, window, original, before, after, motion)
    share_of = functools.partial(_share, window=window, square=square)
    folds = _folds(motion, share_of)
    result = pixels.copy()
    masked = None if mask is None else torch.from_numpy(mask)[None, None]  # [11HW]
    for top in range(upper, lower, _ROWS):
        rows, columns = slice(top, min(top + _ROWS, lower)), slice(left, right)
        points = window.to_window(_positions(rows, columns))
        share = share_of(points)
        if masked is not None:
            free = F.grid_sample(masked, points.float()[None], 'bilinear', 'border', False)
            share = share * (2 * free[0, 0] - 1).clamp(min=0)  # the edge of a mask is at 0.5
        part = pixels[rows, columns]
        if not motion.is_identity:
            source = motion.source_points(points)
            reach = points + share[..., None] * (source - points)
            moved = _read(pixels, window.to_photo(source if folds else reach))
            if folds:
                moved = share[..., None].numpy() * (moved - part) + part
            inside = (share > 0)[..., None].numpy()
            part = np.where(inside, np.rint(moved).clip(0, 255).astype(np.uint8), part)
        grid = points.float()[None]
        plain, guided = (F.grid_sample(x, grid, 'bicubic', 'border', False)[0] for x in change)
        seen = photo.srgb(part)
        added = (plain + _follow(guided, image_to_tensor(seen)[0])) * share.float()
        result[rows, columns] = _added(photo, part, seen, added.permute(1, 2, 0).numpy())
    return result


def _change(
    photo: WholePhoto,
    window: Window,
    original: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    motion: Transform,
) -> tuple[Tensor, Tensor]:
    """Return what is added to the moved photo: :func:`_guided` of it, in grey levels."""
    one, two = image_to_tensor(before), image_to_tensor(after)
    size = before.shape[0]
    target = image_to_tensor(_seen(photo, window, size))
    rest = transform_image(target - image_to_tensor(original), motion, mode='bicubic')
    faithful = 1 / (1 + (_strength(rest) / _UNMET) ** 2)
    guide = transform_image(target, motion, mode='bicubic')
    return _guided(127.5 * faithful * (two - one), guide)


def _guided(change: Tensor, guide: Tensor) -> tuple[Tensor, Tensor]:
    """Split a change (1, 3, r, r) into what a guide explains by a linear map, and the rest.

    Returns:
        tuple[Tensor, Tensor]: The rest, (1, 3, r, r), and coefficients (1, 12, s, s) of the map,
        for :func:`_follow`. Where nothing changes all are 0.
    """
    factor = max(1, change.shape[-1] // _SIDE)
    small, guide = F.avg_pool2d(change, factor), F.avg_pool2d(guide, factor)

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, _AROUND, 1, _AROUND // 2, count_include_pad=False)

    def products(x: Tensor, y: Tensor) -> Tensor:  # [RRij], covariances of the channels
        both = (x[:, :, None] * y[:, None]).flatten(1, 2)
        both = mean(both) - (mean(x)[:, :, None] * mean(y)[:, None]).flatten(1, 2)
        return both[0].unflatten(0, (3, 3)).permute(2, 3, 0, 1)

    common = products(guide, small)
    slopes = _inverse(products(guide, guide) + _NOISE * torch.eye(3)) @ common  # [RRij], of j by i
    explained = (slopes * common).sum((-2, -1))
    total = products(small, small).diagonal(dim1=-2, dim2=-1).sum(-1)
    weight = mean((explained / total.clamp(min=1e-6)).clamp(0, 1)[None, None])  # [11RR]
    slopes = slopes.permute(2, 3, 0, 1).flatten(0, 1)[None]  # [1,9,R,R]
    offsets = mean(small) - (slopes.unflatten(1, (3, 3)) * mean(guide)[:, :, None]).sum(1)
    coefficients = weight * mean(torch.cat([slopes, offsets], 1))
    weight = F.interpolate(weight, change.shape[2:], mode='bilinear', align_corners=False)
    return (1 - weight) * change, coefficients


def _inverse(matrices: Tensor) -> Tensor:
    """Invert matrices (..., 3, 3): for so many small ones far faster than LAPACK."""
    a, b, c = matrices.unbind(-2)
    crossed = torch.linalg.cross(b, c), torch.linalg.cross(c, a), torch.linalg.cross(a, b)
    return torch.stack(crossed, -1) / (a * crossed[0]).sum(-1)[..., None, None]


def _follow(coefficients: Tensor, seen: Tensor) -> Tensor:
    """Apply coefficients (12, h, w) to colours (3, h, w) in [-1, 1]."""
    slopes, offsets = coefficients[:9].unflatten(0, (3, 3)), coefficients[9:]
    return (slopes * seen[:, None]).sum(0) + offsets


def _seen(photo: WholePhoto, window: Window, size: int) -> np.ndarray:
    return photo.srgb(cut(Image.fromarray(photo.pixels), window, size))


def _share(points: Tensor, window: Window, square: Window | None) -> Tensor:
    """Return how much of an edit reaches normalised points (..., 2) of a window."""
    share = feather(points)
    if square is None:
        return share
    seen = square.to_window(window.to_photo(points)) / points.new_tensor(_FACE) / 2
    # Round about the head, and straight beside and below the shoulders.
    away = torch.where(seen[..., 1] < 0, seen.norm(dim=-1), seen.abs().amax(-1))
    return share * _smooth((_FADED - away) / (_FADED - 1))


def _smooth(ramp: Tensor) -> Tensor:
    """Go from 0 to 1 where a ramp does, without a corner at either end."""
    ramp = ramp.clamp(0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def _strength(difference: Tensor) -> Tensor:
    """Return how large a difference is about every pixel, (1, 1, r, r)."""
    size = difference.abs().amax(1, keepdim=True)
    return F.avg_pool2d(size, 9, 1, 4, count_include_pad=False)


def _folds(motion: Transform, share_of: Callable[[Tensor], Tensor]) -> bool:
    """Say whether a motion that fades out towards the border of a window folds what it shows."""
    points = pixel_centres(64, 64)
    share = share_of(points)[..., None]
    reach = points + share * (motion.source_points(points) - points)
    down, right = torch.gradient(reach, dim=(0, 1))  # by pixel, of 2 / 64
    area = right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0]
    return bool((area * 32**2).min() < _LEAST_AREA)


def _positions(rows: slice, columns: slice) -> Tensor:
    y, x = torch.meshgrid(
        torch.arange(rows.start, rows.stop, dtype=torch.float64),
        torch.arange(columns.start, columns.stop, dtype=torch.float64),
        indexing='ij',
    )
    return torch.stack([x, y], -1) + 0.5


def _read(pixels: np.ndarray, positions: Tensor) -> np.ndarray:
    """Read a photo (H, W, 3) at positions (h, w, 2): float (h, w, 3)."""
    height, width = pixels.shape[:2]
    sides = positions.new_tensor([width, height])
    positions = torch.minimum(positions.clamp(min=0), sides)
    low = (positions.amin((0, 1)).floor().long() - 2).clamp(min=0).tolist()
    high = (positions.amax((0, 1)).ceil().long() + 2).tolist()
    part = torch.from_numpy(pixels[low[1] : high[1], low[0] : high[0]]).permute(2, 0, 1)[None]
    span = positions.new_tensor([part.shape[3], part.shape[2]])
    grid = 2 * (positions - positions.new_tensor(low)) / span - 1
    seen = F.grid_sample(part.float(), grid.float()[None], 'bicubic', 'border', False)
    return seen[0].permute(1, 2, 0).numpy()


def _added(photo: WholePhoto, part: np.ndarray, seen: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Add grey levels of sRGB to pixels in the colours of a photo, which are ``seen`` in sRGB."""
    new = np.rint(seen + change).clip(0, 255).astype(np.uint8)
    step = photo.own(new).astype(np.int16) - photo.own(seen)
    return (part + step).clip(0, 255).astype(np.uint8)
