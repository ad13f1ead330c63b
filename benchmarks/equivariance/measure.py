# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""How closely moving the base code moves the image: ``T(G(f, w_M+))`` against ``G(T'(f), w_M+)``.

Three things make the two differ, and the report separates them:

* **The fixed noise** stays where it is while the content moves. ``noise='off'`` measures a copy of
  the generator whose noise strengths are zero.
* **The border**: the layers after the base code pad with zeros, so a pixel whose receptive field
  leaves the map depends on its position. The ``interior`` has no such pixels of either image.
* **Interpolation** of the few cells; a shift by whole cells needs none.

So a StyleGAN2 that is shifted by whole cells with its noise off is exact in the interior. On the
embedded 64x64 generator its border is 13 pixels, 3.25 cells of a 16x16 base code, on each side; its
noise is so weak that it costs an RMSE of 0.002 there. With an 8x8 base code the border is 3.6 of
the 8 cells on each side, and no interior is left; nor does StyleGAN1 have one, which normalises
over the whole map.
"""

from __future__ import annotations

import mmgen_bdinvert  # noqa: F401  (first: it makes mmgen importable)

# isort: split
import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from mmgen.models.architectures.stylegan.modules import NoiseInjection
from torch import Tensor, nn

from mmgen_bdinvert.evaluation.functional import masked_rmse
from mmgen_bdinvert.geometry import (
    GeometricTransform,
    Transform,
    transform_base,
    transform_image,
    validity_mask,
    warp,
)
from mmgen_bdinvert.models import BaseDetailGenerator
from mmgen_bdinvert.structures import LatentCode

from . import MAGNITUDES

__all__ = [
    'EquivarianceRow',
    'interior_mask',
    'measure_equivariance',
    'receptive_reach',
    'without_noise',
]


@dataclass(frozen=True)
class EquivarianceRow:
    """One magnitude of one kind of motion.

    Args:
        base_size (int): Side s of the base code.
        motion (str): A key of ``MAGNITUDES``.
        magnitude (float): Fraction of the side, degrees or factor.
        cells (float | None): Of a shift, the number of base cells.
        noise (str): 'fixed' or 'off'.
        rmse (float): Root mean squared error in the valid area, of images in [-1, 1].
        interior_rmse (float): The same in the interior; NaN where that is less than a base cell.
        interior_share (float): Share of the pixels that belong to it.
        perceptual (float): Perceptual distance in the valid area; NaN if unmeasured.
    """

    base_size: int
    motion: str
    magnitude: float
    cells: float | None
    noise: str
    rmse: float
    interior_rmse: float
    interior_share: float
    perceptual: float

    @property
    def psnr(self) -> float:
        """float: Of the valid area, in dB."""
        return _decibels(self.rmse)

    @property
    def interior_psnr(self) -> float:
        """float: Of the interior, in dB; infinite where it is exact, NaN where there is none."""
        return _decibels(self.interior_rmse)


def without_noise(generator: BaseDetailGenerator) -> BaseDetailGenerator:
    """Return a copy of a generator that adds no noise in any layer."""
    quiet = copy.deepcopy(generator)
    for module in quiet.modules():
        if isinstance(module, NoiseInjection):
            module.weight.data.zero_()
    return quiet


@torch.no_grad()
def receptive_reach(generator: BaseDetailGenerator) -> int:
    """Measure how far a cell of the base code reaches, beyond its own pixels.

    Args:
        generator (BaseDetailGenerator): The generator.

    Returns:
        int: Pixels to the farthest side; the resolution where every pixel depends on every cell.
    """
    code = _samples(generator, 1, seed=0, truncation=1.0)
    middle, cell = generator.base_size // 2, generator.resolution // generator.base_size
    changed = code.base.clone()
    changed[..., middle, middle] += code.base.std()
    difference = generator(changed, code.detail) - generator(code.base, code.detail)
    rows, columns = difference[0].abs().amax(0).nonzero().T
    first, last = middle * cell, (middle + 1) * cell - 1
    sides = (first - rows.min(), rows.max() - last, first - columns.min(), columns.max() - last)
    reach = max(int(side) for side in sides)
    return generator.resolution if reach >= first else reach


def interior_mask(transform: Transform, size: int, reach: int) -> Tensor:
    """Mark the pixels that depend on no border, of the moved image or of its source.

    Args:
        transform (Transform): The motion.
        size (int): Side of the images in pixels.
        reach (int): From :func:`receptive_reach`.

    Returns:
        Tensor: (1, 1, H, W) bool.
    """
    safe = torch.zeros(1, 1, size, size, dtype=torch.float64)
    safe[..., reach : size - reach, reach : size - reach] = 1
    source_safe = warp(safe, transform, padding_mode='zeros') > 1 - 1e-9
    lost = _near(_near(~validity_mask(transform, size), reach, 2), reach, 3)
    return safe.bool() & source_safe & ~lost


def _near(mask: Tensor, reach: int, dim: int) -> Tensor:
    """Dilate marks by ``reach`` places along a dimension, in linear time."""
    size = mask.shape[dim]
    counts = F.pad(mask.long().cumsum(dim).movedim(dim, -1), (1, 0))  # marks before each place
    places = torch.arange(size)
    last, first = (places + reach + 1).clamp(max=size), (places - reach).clamp(min=0)
    return (counts[..., last] > counts[..., first]).movedim(-1, dim)


def measure_equivariance(
    generator: BaseDetailGenerator,
    magnitudes: Mapping[str, Sequence[float]] = MAGNITUDES,
    *,
    num_samples: int = 16,
    seed: int = 0,
    truncation: float = 0.7,
    mode: str = 'bicubic',
    perceptual: nn.Module | None = None,
    progress: Callable[[], object] | None = None,
) -> list[EquivarianceRow]:
    """Measure the distance between moved images and images of moved base codes.

    Images are samples of the generator, so that only the motion is measured. Signs and axes of a
    magnitude are distributed over the samples. Images are moved by bicubic interpolation.

    Args:
        generator (BaseDetailGenerator): The generator.
        magnitudes (Mapping[str, Sequence[float]]): By motion. Defaults to ``MAGNITUDES``.
        num_samples (int): Images of each magnitude, four or more. Defaults to 16.
        seed (int): Seed of the samples. Defaults to 0.
        truncation (float): ψ of the samples, on all layers. Defaults to 0.7.
        mode (str): Sampling of the base code. Defaults to 'bicubic'.
        perceptual (nn.Module | None): A perceptual loss of ``MODULES``. Defaults to None.
        progress (Callable | None): Called after each magnitude and noise setting.

    Returns:
        list[EquivarianceRow]: For each magnitude, with the fixed noise and with none.

    Raises:
        ValueError: There are fewer than 4 samples, or a motion or magnitude is unknown.
    """
    if num_samples < 4:
        raise ValueError(f'equivariance needs 4 samples or more, but got {num_samples}')
    variants = {
        (motion, magnitude): _variants(motion, magnitude)
        for motion, values in magnitudes.items()
        for magnitude in values
    }
    reach = receptive_reach(generator)
    rows = []
    for noise, network in (('fixed', generator), ('off', without_noise(generator))):
        code = _samples(network, num_samples, seed=seed, truncation=truncation)
        images = _render(network, code)
        for (motion, magnitude), transforms in variants.items():
            values = _distances(network, code, images, transforms, reach, mode, perceptual)
            cells = magnitude * generator.base_size if motion == 'shift' else None
            rows.append(
                EquivarianceRow(generator.base_size, motion, magnitude, cells, noise, *values)
            )
            if progress is not None:
                progress()
    return rows


def _variants(motion: str, magnitude: float) -> list[Transform]:
    if motion == 'shift':
        pairs = ((magnitude, 0), (0, magnitude), (-magnitude, 0), (0, -magnitude))
        return [GeometricTransform(shift=pair) for pair in pairs]
    if motion == 'scale':
        return [GeometricTransform(scale=magnitude)]
    if motion in ('rotate', 'shear'):
        return [GeometricTransform(**{motion: sign * magnitude}) for sign in (1, -1)]
    raise ValueError(f'a motion is one of {", ".join(MAGNITUDES)}, but got {motion!r}')


@torch.no_grad()
def _samples(
    generator: BaseDetailGenerator, count: int, *, seed: int, truncation: float
) -> LatentCode:
    rng = torch.Generator().manual_seed(seed)
    z = torch.randn(count, generator.style_dim, generator=rng).to(generator.device)
    layers = generator.num_latents
    return generator.split(generator.to_w_plus(generator.mapping(z), truncation, layers))


@torch.no_grad()
def _render(generator: BaseDetailGenerator, code: LatentCode) -> Tensor:
    return torch.cat([generator(*pair) for pair in zip(code.base.split(8), code.detail.split(8))])


@torch.no_grad()
def _distances(
    generator: BaseDetailGenerator,
    code: LatentCode,
    images: Tensor,
    transforms: Sequence[Transform],
    reach: int,
    mode: str,
    perceptual: nn.Module | None,
) -> tuple[float, float, float, float]:
    """Return RMSE in the valid area and in the interior, its share, and perceptual distance."""
    squares, inner, shares, distances = [], [], [], []
    for i, transform in enumerate(transforms):
        part, target = code[i :: len(transforms)], images[i :: len(transforms)]
        target = transform_image(target, transform, mode='bicubic')
        part = replace(part, base=transform_base(part.base, transform, mode=mode))
        moved = _render(generator, part)
        size = generator.resolution
        valid = validity_mask(transform, size, device=moved.device).expand(len(moved), -1, -1, -1)
        inside = interior_mask(transform, size, reach).to(moved.device).expand_as(valid)
        share = inside[0].double().mean().item()
        if share < generator.base_size**-2:  # less than a cell is no interior
            inside, share = torch.zeros_like(inside), 0.0
        squares.append(masked_rmse(moved, target, valid).square())
        inner.append(masked_rmse(moved, target, inside).square())
        shares.append(share)
        if perceptual is not None:
            shown = generator.to_rgb(torch.where(valid, moved, target))
            distances.append(perceptual(shown, perceptual.prepare(generator.to_rgb(target))))
    distance = torch.cat(distances).mean().item() if distances else math.nan
    # Interiors of one motion are mirror images of each other: all are empty, or none.
    pooled = (math.sqrt(torch.cat(parts).mean().item()) for parts in (squares, inner))
    return (*pooled, sum(shares) / len(shares), distance)


def _decibels(rmse: float) -> float:
    return math.inf if rmse == 0 else 20 * math.log10(2 / rmse)  # the peak-to-peak range is 2
