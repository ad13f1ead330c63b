# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Differences of pixels, one value per image."""

from __future__ import annotations

from mmgen.registry import MODULES
from torch import Tensor, nn


def mean_squared_difference(value: Tensor, reference: Tensor) -> Tensor:
    """Average the squared difference over everything but the batch.

    Args:
        value (Tensor): Any tensor of shape (n, ...).
        reference (Tensor): Its counterpart, of the same shape.

    Returns:
        Tensor: Shape (n,).

    Raises:
        ValueError: The shapes differ; broadcasting here would hide a mistake.
    """
    return _difference(value, reference).square().flatten(1).mean(1)  # (n, ...) -> (n,)


def _difference(value: Tensor, reference: Tensor) -> Tensor:
    if value.shape != reference.shape:
        raise ValueError(
            'a value must have the shape of its reference '
            f'{tuple(reference.shape)}, but got {tuple(value.shape)}.'
        )
    return value - reference


class PixelLoss(nn.Module):
    """Compares images by a function of their pixels; base class.

    Args:
        loss_weight (float): What the parent multiplies the value with. Defaults to 1.
    """

    compares = 'image'

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = float(loss_weight)

    def prepare(self, reference: Tensor) -> Tensor:
        """Keep the target image, RGB (n, 3, H, W) in [-1, 1]."""
        return reference.detach()

    def forward(self, value: Tensor, state: Tensor) -> Tensor:
        """Compare the image ``value``, RGB (n, 3, H, W), with the target; returns (n,)."""
        raise NotImplementedError


@MODULES.register_module()
class PixelMSELoss(PixelLoss):
    """Mean squared error of the pixels."""

    def forward(self, value: Tensor, state: Tensor) -> Tensor:
        """Compare the image ``value``, RGB (n, 3, H, W), with the target; returns (n,)."""
        return mean_squared_difference(value, state)


@MODULES.register_module()
class PixelL1Loss(PixelLoss):
    """Mean absolute error of the pixels."""

    def forward(self, value: Tensor, state: Tensor) -> Tensor:
        """Compare the image ``value``, RGB (n, 3, H, W), with the target; returns (n,)."""
        return _difference(value, state).abs().flatten(1).mean(1)  # (n, ...) -> (n,)


@MODULES.register_module()
class GradientL1Loss(PixelLoss):
    """Mean absolute error of the differences between neighbouring pixels.

    Small features with sharp outlines, such as eyes, count for more in it than in the pixels.
    """

    def forward(self, value: Tensor, state: Tensor) -> Tensor:
        """Compare the image ``value``, RGB (n, 3, H, W), with the target; returns (n,)."""
        error = _difference(value, state)
        return sum(error.diff(dim=dim).abs().flatten(1).mean(1) for dim in (2, 3))
