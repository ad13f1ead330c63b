# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Normal latents that carry labels and motions, for a mapping network that learns to read them.

A label with K choices is written as digits, K = 10 as one of 2 and one of 5. Each digit owns one
coordinate of z, cut by quantiles of the normal distribution into parts of equal probability, so
normal latents carry uniform labels. Each number of a motion is a coordinate itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ['LabelledNoise', 'start_from_coordinates']


class LabelledNoise:
    """Draws latents that carry given labels and motions.

    Args:
        choices (Sequence[int]): Number of choices K of each of the A labels.
        motions (int): Numbers of a motion, M. Defaults to 4.
        margin (float): Share of a digit's part, on either side, that is left out. Defaults to 0.0:
            latents are normal if labels are uniform and motions normal.
    """

    def __init__(self, choices: Sequence[int], motions: int = 4, margin: float = 0.0):
        self.choices, self.motions, self.margin = list(choices), motions, margin
        self._bases = [_digits(choice) for choice in self.choices]
        self._sizes = torch.tensor([base for bases in self._bases for base in bases])

    @property
    def num_named(self) -> int:
        """int: Coordinates that carry labels and motions, the first ones of z."""
        return len(self._sizes) + self.motions

    @property
    def num_cuts(self) -> int:
        """int: Quantiles of all digits."""
        return int((self._sizes - 1).sum())

    def __call__(self, labels: Tensor, motions: Tensor, dim: int) -> tuple[Tensor, Tensor]:
        """Draw latents.

        Args:
            labels (Tensor): Whole numbers (n, A); -1 leaves a label to chance.
            motions (Tensor): Normal numbers (n, M); nan leaves one to chance.
            dim (int): Width D of a latent.

        Returns:
            tuple[Tensor, Tensor]: z of shape (n, D) with a mean square of 1, which the mapping's
            normalisation keeps, and what it carries (n, cuts + M): 1 or -1 for each quantile, above
            it or below, and the motion.

        Raises:
            ValueError: The labels have another shape, or leave no coordinate free.
        """
        count, named = len(self.choices), self.num_named
        if labels.ndim != 2 or labels.shape[1] != count or dim <= named:
            raise ValueError(
                f'{count} labels have the shape (n, {count}) and need, with {self.motions} numbers '
                f'of a motion, a latent of more than {named} coordinates, but got '
                f'{tuple(labels.shape)} and {dim}.'
            )
        chance = (torch.rand(labels.shape) * torch.tensor(self.choices)).long()
        digits = self._split(torch.where(labels < 0, chance, labels))  # [nK]
        share = self.margin + (1 - 2 * self.margin) * torch.rand(digits.shape)
        place = torch.special.ndtri(((digits + share) / self._sizes).clamp(1e-4, 1 - 1e-4))
        motions = torch.where(motions.isnan(), torch.randn(motions.shape), motions)
        said = torch.cat([place, motions], 1)
        free = torch.randn(len(labels), dim - named)
        rest = (dim - said.square().sum(1, keepdim=True)).clamp(min=1.0)
        free = free * (rest / free.square().sum(1, keepdim=True)).sqrt()
        above = [digits[:, i, None] > torch.arange(size - 1) for i, size in enumerate(self._sizes)]
        carried = torch.cat([torch.cat(above, 1).float() * 2 - 1, motions], 1)
        return torch.cat([said, free], 1), carried

    def _split(self, labels: Tensor) -> Tensor:
        digits = []
        for label, bases in zip(labels.T.flip(0), reversed(self._bases)):
            for base in reversed(bases):
                digits.append(label % base)
                label = label // base
        return torch.stack(digits[::-1], 1)


def _digits(choice: int) -> list[int]:
    """Write a number of choices as a product of primes; those of each digit."""
    primes, rest = [], choice
    for prime in range(2, choice + 1):
        while rest % prime == 0:
            primes.append(prime)
            rest //= prime
    return primes


@torch.no_grad()
def start_from_coordinates(mapping: nn.Sequential, named: int, gain: float = 3.0) -> None:
    """Let a mapping network start from single coordinates of z, which learns steps of them sooner.

    Each feature of the first layer is one coordinate, bent at a random place: the named coordinates
    in turn, and as often as two of them one of the others. The other layers start as the identity.

    Args:
        mapping (nn.Sequential): ``style_mapping`` of mmgen's StyleGAN2, changed in place.
        named (int): How many coordinates, the first ones, carry labels and motions.
        gain (float): What a coordinate is multiplied with. Defaults to 3.0.
    """
    layers = list(mapping)[1:]  # the first one normalises
    for layer in layers:
        weight, bias = layer.linear.weight_orig, layer.bias
        dim = weight.shape[1]
        start = torch.eye(*weight.shape) + 0.07 * torch.randn(weight.shape) / math.sqrt(dim)
        offset = torch.full(bias.shape, 0.0 if layer is layers[-1] else 0.5)
        if layer is layers[0]:
            turn = torch.arange(len(bias)) % (named + 2)
            of_rest = torch.randint(named, dim, turn.shape)
            chosen = torch.where(turn < named, turn, of_rest)
            sign = torch.randint(0, 2, turn.shape) * 2.0 - 1
            start = torch.zeros_like(weight)
            start[torch.arange(len(bias)), chosen] = gain * sign
            offset = torch.randn(bias.shape)
        scale = layer.lr_mul / math.sqrt(dim)
        weight.copy_(start / math.sqrt(2) / scale)  # the activation has a gain of the root
        bias.copy_(offset / layer.lr_mul)
