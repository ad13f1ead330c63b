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
    """Measure the mean squared distance of two base codes (n, C, s, s); returns (n,).

    With ``normalized``, both are instance-normalised first, as in StyleGAN1: mean and scale of the
    channels are ignored, and the distance is at most 4.

    Raises:
        ValueError: The shapes differ.
    """
    if normalized:
        value, reference = F.instance_norm(value), F.instance_norm(reference)
    return mean_squared_difference(value, reference)


@MODULES.register_module()
class BaseCodeDistance(nn.Module):
    """Squared distance of the base code from the encoder's prediction, ``mean((f - f0)²)``.

    Args:
        loss_weight (float): Factor that the parent applies. Defaults to 10.
        normalized (bool | None): Whether codes are instance-normalised first: right for StyleGAN1,
            where mean and scale of a channel do not affect the image. Defaults to None: as the
            generator does.
    """

    compares = 'base'

    def __init__(self, loss_weight: float = 10.0, normalized: bool | None = None) -> None:
        super().__init__()
        self.loss_weight = checked_number('loss_weight', loss_weight, least=0)
        self.normalized = normalized

    def prepare(self, reference: Tensor) -> Tensor:
        """Take the encoder's base code ``f0`` (n, C, s, s)."""
        return reference.detach()

    def forward(self, value: Tensor, state: Tensor) -> Tensor:
        """Measure the distance of a base code (n, C, s, s) from ``f0``; returns (n,)."""
        return base_code_distance(value, state, normalized=bool(self.normalized))


def follow_generator(losses: Iterable[nn.Module], generator: nn.Module) -> None:
    """Let distances of base codes that do not say so normalise them as the generator does."""
    for loss in losses:
        if isinstance(loss, BaseCodeDistance) and loss.normalized is None:
            loss.normalized = generator.normalizes_base


@MODULES.register_module()
class PNormLoss(nn.Module):
    """Squared length of the detail code in P-norm+ space, ``mean(v²)``.

    ``v`` are the whitened style vectors: about 1 for codes from the generator's mapping network,
    nearly 0 for the mean latent. This is the authors' later form; the paper's own, hard clipping of
    ``v``, is :meth:`LatentStatistics.clip`.

    Args:
        loss_weight (float): Factor that the parent applies. Defaults to 0.01.
    """

    compares = 'detail'

    def __init__(self, loss_weight: float = 0.01) -> None:
        super().__init__()
        self.loss_weight = checked_number('loss_weight', loss_weight, least=0)

    def prepare(self, reference: LatentStatistics) -> LatentStatistics:
        """Take the latent statistics of the generator; anything else is a TypeError."""
        if not isinstance(reference, LatentStatistics):
            raise TypeError(
                'PNormLoss is prepared with the LatentStatistics of the generator, '
                f'but got {type(reference).__name__}.'
            )
        return reference

    def forward(self, value: Tensor, state: LatentStatistics) -> Tensor:
        """Measure the detail code ``value`` (n, L, D); returns (n,)."""
        return state.whiten(value).square().mean((1, 2))  # (n, L, D) -> (n,)


class _MeanSquaredDistance(nn.Module):
    """Mean squared distance of what an encoder predicts from the truth.

    Args:
        loss_weight (float): Factor that the parent applies. Defaults to 1.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = checked_number('loss_weight', loss_weight, least=0)

    def prepare(self, reference: Tensor) -> Tensor:
        """Take the truth, (n, ...)."""
        return reference.detach()

    def forward(self, value: Tensor, state: Tensor) -> Tensor:
        """Measure the distance of predictions of the same shape; returns (n,)."""
        return mean_squared_difference(value, state)


@MODULES.register_module()
class WhitenedCodeDistance(_MeanSquaredDistance):
    """Squared distance of whitened detail codes (n, L, D), ``mean(s · (v - v'))²``.

    ``s`` says how much an image changes with each coordinate (see
    :func:`mmgen_bdinvert.models.visibility.visibility`): most coordinates hardly show, and no
    encoder can tell them from an image.

    Args:
        loss_weight (float): Factor that the parent applies. Defaults to 1.
    """

    compares = 'whitened'


@MODULES.register_module()
class StyleVectorDistance(_MeanSquaredDistance):
    """Squared distance of style vectors (n, L, D), which the trainer divides by their deviation.

    In pixels a mouth is little beside hair and clothes; in a style vector it counts about as much.

    Args:
        loss_weight (float): Factor that the parent applies. Defaults to 1.
    """

    compares = 'styles'


@MODULES.register_module()
class FrameDistance(_MeanSquaredDistance):
    """Squared distance of frames (n, 2, 3), which :meth:`DetailCodeEncoder.locate` finds.

    Args:
        loss_weight (float): Factor that the parent applies. Defaults to 1.
    """

    compares = 'frame'
