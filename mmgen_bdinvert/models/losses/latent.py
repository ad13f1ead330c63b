# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The two regularisers of BDInvert: one for the base code, one for the detail code."""

from __future__ import annotations

from collections.abc import Iterable

import torch.nn.functional as F
from mmgen.registry import MODULES
from torch import Tensor, nn

from ...utils.numbers import checked_number
from ..latent_stats import LatentStatistics
from .pixel import mean_squared_difference


def base_code_distance(value: Tensor, reference: Tensor, *, normalized: bool = False) -> Tensor:
    """Measure the mean squared distance of two base codes.

    Args:
        value (Tensor): Base code of shape (n, C, s, s).
        reference (Tensor): Its counterpart, of the same shape.
        normalized (bool): Whether both are instance-normalised first, which is what a StyleGAN1
            does to its base code: mean and scale of the channels then count for nothing. The
            distance is at most 4. Defaults to False.

    Returns:
        Tensor: Shape (n,).

    Raises:
        ValueError: The shapes differ.
    """
    if normalized:
        value, reference = F.instance_norm(value), F.instance_norm(reference)
    return mean_squared_difference(value, reference)


@MODULES.register_module()
class BaseCodeDistance(nn.Module):
    """Squared distance of the base code from the encoder's first guess, ``mean((f - f0)²)``.

    Args:
        loss_weight (float): What the parent multiplies the value with. Defaults to 10.
        normalized (bool | None): Whether the distance is that of instance-normalised codes, see
            :func:`base_code_distance`: right for StyleGAN1, where mean and scale of a channel
            reach no pixel. Defaults to None: as the generator does.
    """

    compares = 'base'

    def __init__(self, loss_weight: float = 10.0, normalized: bool | None = None) -> None:
        super().__init__()
        self.loss_weight = checked_number('loss_weight', loss_weight, least=0)
        self.normalized = normalized

    def prepare(self, reference: Tensor) -> Tensor:
        """Keep the encoder's base code ``f0`` (n, C, s, s)."""
        return reference.detach()

    def forward(self, value: Tensor, state: Tensor) -> Tensor:
        """Measure how far the base code ``value`` (n, C, s, s) lies from ``f0``; returns (n,)."""
        return base_code_distance(value, state, normalized=bool(self.normalized))


def follow_generator(losses: Iterable[nn.Module], generator: nn.Module) -> None:
    """Let distances of base codes that do not say so normalise them as the generator does."""
    for loss in losses:
        if isinstance(loss, BaseCodeDistance) and loss.normalized is None:
            loss.normalized = generator.normalizes_base


@MODULES.register_module()
class PNormLoss(nn.Module):
    """Squared length of the detail code in P-norm+ space, ``mean(v²)``.

    ``v`` are the whitened style vectors, so a detail code drawn from the generator's own mapping
    network scores about 1 and the mean latent scores nearly 0. This is the authors' later form;
    the paper's own, hard clipping of ``v``, is :meth:`LatentStatistics.clip`.

    Args:
        loss_weight (float): What the parent multiplies the value with. Defaults to 0.01.
    """

    compares = 'detail'

    def __init__(self, loss_weight: float = 0.01) -> None:
        super().__init__()
        self.loss_weight = checked_number('loss_weight', loss_weight, least=0)

    def prepare(self, reference: LatentStatistics) -> LatentStatistics:
        """Keep the latent statistics of the generator.

        Raises:
            TypeError: ``reference`` is something else.
        """
        if not isinstance(reference, LatentStatistics):
            raise TypeError(
                'PNormLoss is prepared with the LatentStatistics of the generator, '
                f'but got {type(reference).__name__}.'
            )
        return reference

    def forward(self, value: Tensor, state: LatentStatistics) -> Tensor:
        """Measure the detail code ``value`` (n, L, D); returns (n,)."""
        return state.whiten(value).square().mean((1, 2))  # (n, L, D) -> (n,)
