# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Differences of pixels, one value per image."""

from __future__ import annotations

from collections.abc import Sequence

from mmgen.registry import MODULES
from torch import Tensor, nn

from ...utils.numbers import checked_number


def mean_squared_difference(value: Tensor, reference: Tensor) -> Tensor:
    """Average the squared difference of two tensors (n, ...); returns (n,).

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
        loss_weight (float): Factor that the parent applies. Defaults to 1.
        region (Sequence[Sequence[float]] | None): The part of the images that is compared, as
            shares of the sides: ``((top, bottom), (left, right))``. Defaults to the whole image.

    Raises:
        ValueError: The region is empty or reaches out of the image.
    """

    compares = 'image'

    def __init__(
        self, loss_weight: float = 1.0, region: Sequence[Sequence[float]] | None = None
    ) -> None:
        super().__init__()
        if region is not None and not all(0 <= low < high <= 1 for low, high in region):
            raise ValueError(
                f'region is ((top, bottom), (left, right)) in shares from 0 to 1, but got {region}.'
            )
        self.loss_weight = checked_number('loss_weight', loss_weight, least=0)
        self.region = region

    def prepare(self, reference: Tensor) -> Tensor:
        """Keep the target image, RGB (n, 3, H, W) in [-1, 1]."""
        return self._crop(reference.detach())

    def forward(self, value: Tensor, state: Tensor) -> Tensor:
        """Compare the image ``value``, RGB (n, 3, H, W), with the target; returns (n,)."""
        return self.compare(self._crop(value), state)

    def compare(self, value: Tensor, reference: Tensor) -> Tensor:
        """Compare the regions of two images, (n, 3, h, w) each; returns (n,)."""
        raise NotImplementedError

    def _crop(self, images: Tensor) -> Tensor:
        if self.region is None:
            return images
        sides = zip(self.region, images.shape[-2:])
        rows, columns = (slice(round(a * side), round(b * side)) for (a, b), side in sides)
        return images[..., rows, columns]


@MODULES.register_module()
class PixelMSELoss(PixelLoss):
    """Mean squared error of the pixels."""

    def compare(self, value: Tensor, reference: Tensor) -> Tensor:
        return mean_squared_difference(value, reference)


@MODULES.register_module()
class PixelL1Loss(PixelLoss):
    """Mean absolute error of the pixels."""

    def compare(self, value: Tensor, reference: Tensor) -> Tensor:
        return _difference(value, reference).abs().flatten(1).mean(1)  # (n, ...) -> (n,)


@MODULES.register_module()
class GradientL1Loss(PixelLoss):
    """Mean absolute error of the differences between neighbouring pixels.

    Small features with sharp outlines, such as eyes, have more weight than in the pixel losses.
    """

    def compare(self, value: Tensor, reference: Tensor) -> Tensor:
        error = _difference(value, reference)
        return sum(error.diff(dim=dim).abs().flatten(1).mean(1) for dim in (2, 3))
