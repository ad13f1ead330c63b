# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Pivotal tuning: after an inversion, adapt a copy of the generator's weights to each image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from mmgen.registry import MODELS
from torch import Tensor, nn

from ...structures import InversionResult, LatentCode
from ...utils.numbers import checked_number
from ..generators.changes import call_with, differences
from .base_inverter import InverterSettings, OptimizationInverter
from .noise_projector import style_deviation
from .optimization import StepCallback

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ['PivotalTuningInverter', 'tail_weights']


def tail_weights(generator: nn.Module) -> dict[str, Tensor]:
    """Return the weights that an image depends on when it is rendered from a code."""
    host = generator.generator
    weights = {k: p.detach().clone().requires_grad_() for k, p in host.named_parameters()}
    like = next(iter(weights.values()))
    base = like.new_zeros(1, *generator.base_shape)
    detail = like.new_zeros(1, generator.num_detail, generator.style_dim)
    with torch.enable_grad():
        image = _render(generator, {k: w[None] for k, w in weights.items()}, base, detail)
        grads = torch.autograd.grad(image.sum(), list(weights.values()), allow_unused=True)
    return {k: w.detach() for (k, w), grad in zip(weights.items(), grads) if grad is not None}


def _render(
    generator: nn.Module, weights: dict[str, Tensor], base: Tensor, detail: Tensor
) -> Tensor:
    """Render codes, each with its own weights (n, …)."""
    codes = base, detail
    return call_with(generator.generator, weights, lambda *c: (generator(*c),), *codes)[0]


@MODELS.register_module()
class PivotalTuningInverter(OptimizationInverter):
    """Pivotal tuning (PTI, arXiv 2106.05744) of the generator's tail, after another inversion.

    The pivot's codes stay fixed; each image gets its own copy of the weights behind the base code,
    tuned so that its code renders the image. The generator itself never changes. A locality term
    keeps the images of codes near the pivot as they were.

    ``variables`` of the result hold ``base``, ``detail`` and the tuned weights (n, …) by their name
    in mmgen's generator; its code carries the changes of the weights.

    Args:
        pivot (dict | RegularizedInverter): The inverter that finds the codes, or its config.
        losses (dict[str, dict] | None): Image losses by name. Defaults to those of the pivot.
        optimizer (dict | None): Config of a torch optimiser. Defaults to Adam with lr 3e-4.
        num_steps (int): Steps of tuning. Defaults to 350.
        locality_weight (float): Weight of the locality term. Defaults to 0.1.
        locality_distance (float): Distance of its codes from the pivot's style vectors, in units of
            their standard deviation, :func:`style_deviation`. Defaults to 1.
        **settings: As for :class:`OptimizationInverter`; the statistics are the pivot's.

    Raises:
        TypeError: The pivot finds no base and detail code.
        ValueError: A loss compares codes, which are fixed, or a setting is out of range.
    """

    comparable = ('image',)
    reserved = ('total', 'locality')
    fixed = ('base', 'detail')

    def __init__(
        self,
        pivot: dict | nn.Module,
        *,
        losses: dict[str, dict] | None = None,
        locality_weight: float = 0.1,
        locality_distance: float = 1.0,
        **settings: Unpack[InverterSettings],
    ):
        pivot = MODELS.build(pivot) if isinstance(pivot, dict) else pivot
        if 'base' not in getattr(pivot, 'comparable', ()):
            raise TypeError(
                f'The pivot of pivotal tuning is an inverter into base and detail codes, but got '
                f'{type(pivot).__name__}.'
            )
        locality_weight = checked_number('locality_weight', locality_weight, least=0)
        locality_distance = checked_number('locality_distance', locality_distance, above=0)
        if losses is None:
            losses = {k: v for k, v in pivot.losses.items() if v.compares == 'image'}
        settings.setdefault('statistics', pivot.statistics)
        settings.setdefault('num_steps', 350)
        super().__init__(pivot.generator, losses=losses, **settings)
        self.pivot = pivot
        self.locality_weight, self.locality_distance = locality_weight, locality_distance
        self._deviation: float | None = None
        self._for_pivot: tuple[StepCallback | None, Tensor | None] = None, None

    def invert(
        self, images: Tensor, callback: StepCallback | None = None, mask: Tensor | None = None
    ) -> InversionResult:
        """Invert with the pivot, then tune; the callback counts the steps of both as one run."""
        self._for_pivot = None, mask
        if callback is None:
            return super().invert(images, mask=mask)
        done, total = self.pivot.num_steps, self.pivot.num_steps + self.num_steps

        def during_pivot(step: int, num_steps: int, *state) -> None:
            if step < done:  # tuning begins with the pivot's last state
                callback(step, total, *state)

        def during_tuning(step: int, num_steps: int, *state) -> None:
            callback(done + step, total, *state)

        self._for_pivot = during_pivot, mask
        return super().invert(images, during_tuning, mask)

    @classmethod
    def config_defaults(cls) -> dict:
        """Return tuning's own optimiser and number of steps; its losses are the pivot's."""
        return dict(losses={}, optimizer=dict(type='Adam', lr=3e-4), num_steps=350)

    def start(self, images: Tensor) -> dict[str, Tensor]:
        """Invert with the pivot, and copy the weights for each image."""
        self._deviation = style_deviation(self.generator)
        code = self.pivot.invert(images, *self._for_pivot).code
        count = len(images)
        weights = {k: w.expand(count, *w.shape) for k, w in tail_weights(self.generator).items()}
        return {'base': code.base, 'detail': code.detail, **weights}

    def render(self, variables: dict[str, Tensor]) -> Tensor:
        """Render each image's codes with its own weights."""
        return _render(self.generator, self._weights(variables), **self.values(variables))

    def values(self, variables: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the codes, which do not change."""
        return {name: variables[name] for name in self.fixed}

    def to_code(self, variables: dict[str, Tensor]) -> LatentCode:
        """Bundle the pivot's codes with the changes of the weights."""
        changes = differences(self.generator.generator, self._weights(variables))
        return self.generator.code(**self.values(variables), changes=changes)

    def _weights(self, variables: dict[str, Tensor]) -> dict[str, Tensor]:
        return {k: v for k, v in variables.items() if k not in self.fixed}

    def penalties(self, variables: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Compare images of tuned and frozen weights near the pivot (PTI, equations 4 and 5).

        ``w_r = w_p + α (w_z - w_p) / |w_z - w_p|`` for one random style vector ``w_z`` per step,
        the same for all images.
        """
        if not self.locality_weight:
            return {}
        generator, pivot = self.generator, variables['detail']
        rng = torch.Generator().manual_seed(step)
        z = torch.randn(1, generator.style_dim, generator=rng)
        with torch.no_grad():
            way = generator.mapping(z.to(pivot)) - pivot  # [NLD]
            way = nn.functional.normalize(way, dim=-1)
            detail = pivot + self.locality_distance * self._deviation * way
            frozen = generator.to_rgb(generator(variables['base'], detail))
        tuned = _render(generator, self._weights(variables), variables['base'], detail)
        tuned = generator.to_rgb(tuned)
        distance = sum(
            loss.loss_weight * loss(tuned, loss.prepare(frozen)) for loss in self.losses.values()
        )
        return {'locality': self.locality_weight * distance}
