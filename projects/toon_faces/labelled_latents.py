# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Latents that encode labels, and a mapping network that decodes them.

A label with K choices owns one coordinate of z. The K - 1 quantiles of the normal distribution cut
that coordinate into K parts of equal probability, so normal latents carry uniform labels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ['latents_with_labels', 'write_steps']

_RAMP = 0.03  # half the width of the step at a quantile
_OFFSET = 6.0  # keeps normal numbers on the identity side of a leaky ReLU
_SLOPE = 0.2


def latents_with_labels(
    labels: Tensor, choices: Sequence[int], dim: int, rng: torch.Generator | None = None
) -> Tensor:
    """Draw latents that carry given labels.

    Args:
        labels (Tensor): Whole numbers (n, A); -1 leaves a label to chance.
        choices (Sequence[int]): Number of choices K of each of the A labels.
        dim (int): Width D of a latent, above A.
        rng (torch.Generator | None): Source of randomness. Defaults to None: torch's global one.

    Returns:
        Tensor: z of shape (n, D) with a mean square of 1, which the mapping's normalisation keeps.

    Raises:
        ValueError: The labels have another shape, or leave no coordinate free.
    """
    count = len(choices)
    if labels.ndim != 2 or labels.shape[1] != count or dim <= count:
        raise ValueError(
            f'{count} labels have the shape (n, {count}) and need a latent of more than {count} '
            f'coordinates, but got {tuple(labels.shape)} and {dim}.'
        )
    sizes = torch.tensor(choices)
    chance = (torch.rand(labels.shape, generator=rng) * sizes).long()
    labels = torch.where(labels < 0, chance, labels)
    place = (labels + torch.rand(labels.shape, generator=rng)) / sizes
    named = torch.special.ndtri(place.clamp(1e-4, 1 - 1e-4))  # [nA]
    free = torch.randn(len(labels), dim - count, generator=rng)
    rest = (dim - named.square().sum(1, keepdim=True)).clamp(min=1.0)
    free = free * (rest / free.square().sum(1, keepdim=True)).sqrt()
    return torch.cat([named, free], 1)  # [nD]


@torch.no_grad()
def write_steps(mapping: nn.Sequential, choices: Sequence[int]) -> None:
    """Make a mapping network of four layers or more turn labels into steps of w.

    Each quantile of each label becomes one coordinate of w that takes two values, below and above
    it, with a narrow ramp between them; free coordinates of z follow, and random features of all
    of them fill the rest.

    Args:
        mapping (nn.Sequential): ``style_mapping`` of mmgen's StyleGAN2, changed in place.
        choices (Sequence[int]): As in :func:`latents_with_labels`.

    Raises:
        ValueError: There are fewer than four layers, or too few coordinates.
    """
    layers = list(mapping)[1:]  # the first one normalises
    dim = layers[0].linear.weight_orig.shape[1]
    cuts = [(i, k / size) for i, size in enumerate(choices) for k in range(1, size)]
    free = dim - 2 * len(cuts)
    if len(layers) < 4 or free < 1:
        raise ValueError(
            f'{len(cuts)} quantiles need 4 layers or more of more than {2 * len(cuts)} '
            f'coordinates, but the mapping network has {len(layers)} of {dim}.'
        )
    gain = math.sqrt(2)  # of the activation
    used = len(cuts) + free

    first, bias = torch.zeros(dim, dim), torch.zeros(dim)
    for row, (i, level) in enumerate(cuts):
        cut = torch.special.ndtri(torch.tensor(level))
        for side, sign in ((0, 1), (1, -1)):
            first[2 * row + side, i] = 0.5 / _RAMP
            bias[2 * row + side] = (sign * _RAMP - cut) * 0.5 / _RAMP
    for row in range(free):
        first[2 * len(cuts) + row, len(choices) + row] = 1
        bias[2 * len(cuts) + row] = _OFFSET
    _write(layers[0], first, bias)

    # The difference of a pair is SLOPE below the ramp and 1 above it.
    second, bias = torch.zeros(dim, dim), torch.zeros(dim)
    for row in range(len(cuts)):
        second[row, 2 * row] = 2 / (gain * (1 - _SLOPE))
        second[row, 2 * row + 1] = -second[row, 2 * row]
        bias[row] = -2 * _SLOPE / (1 - _SLOPE) - 1 + _OFFSET  # from -1 to 1
    for row in range(free):
        second[len(cuts) + row, 2 * len(cuts) + row] = 1 / gain
    _write(layers[1], second, bias)

    third, bias = torch.zeros(dim, dim), torch.zeros(dim)
    third[:used, :used] = torch.eye(used) / gain
    rng = torch.Generator().manual_seed(0)  # a generator that grows keeps its features
    mix = torch.randn(dim - used, used, generator=rng) / math.sqrt(used)
    third[used:, :used], bias[used:] = mix / gain, -_OFFSET * mix.sum(1)
    _write(layers[2], third, bias)
    for layer in layers[3:-1]:
        _write(layer, torch.eye(dim) / gain, torch.zeros(dim))
    bias = torch.zeros(dim)
    bias[:used] = -_OFFSET
    _write(layers[-1], torch.eye(dim) / gain, bias)


def _write(layer: nn.Module, weight: Tensor, bias: Tensor) -> None:
    """Set the effective weight and bias of an equalised layer."""
    scale = layer.lr_mul / math.sqrt(weight.shape[1])
    layer.linear.weight_orig.copy_(weight / scale)
    layer.bias.copy_(bias / layer.lr_mul)
