# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Pivotal tuning: after an inversion, adapt a copy of the generator's weights to each image."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from mmgen.registry import MODELS
from torch import Tensor, nn
from torch.func import functional_call

from ...structures import LatentCode
from ...utils.numbers import checked_number
from ..generators.changes import differences
from .base_inverter import OptimizationInverter
from .noise_projector import style_deviation
from .settings import InverterSettings

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ['PivotalTuningInverter', 'tail_weights']


def tail_weights(generator: nn.Module) -> dict[str, Tensor]:
    """Return the weights that an image of a base and a detail code depends on."""
    host = generator.generator
    weights = {k: p.detach().clone().requires_grad_() for k, p in host.named_parameters()}
    like = next(iter(weights.values()))
    codes = (
        like.new_zeros(1, *generator.base_shape),
        like.new_zeros(1, generator.num_detail, generator.style_dim),
    )
    with torch.enable_grad():
        image = functional_call(generator, _named(weights), tuple(c.detach() for c in codes))
        grads = torch.autograd.grad(image.sum(), list(weights.values()), allow_unused=True)
    return {k: w.detach() for (k, w), grad in zip(weights.items(), grads) if grad is not None}


@MODELS.register_module()
class PivotalTuningInverter(OptimizationInverter):
    """Pivotal tuning (PTI, arXiv 2106.05744) of the generator's tail, after another inversion.

    The codes that the pivot finds stay; each image gets its own copy of the weights behind the base
    code, tuned so that the codes render the image. The generator itself is never changed. A
    locality term keeps what the tuned weights make of codes near the pivot as it was.

    ``variables`` of the result hold ``base``, ``detail`` and the tuned weights (n, …) by their name
    in mmgen's generator; its code carries what tuning changed.

    Args:
        pivot (dict | RegularizedInverter): The inverter that finds the codes, or its config.
        losses (dict[str, dict] | None): Image losses by name. Defaults to those of the pivot.
        optimizer (dict | None): Config of a torch optimiser. Defaults to Adam with lr 3e-4.
        num_steps (int): Steps of tuning. Defaults to 350.
        locality_weight (float): Weight of the locality term. Defaults to 0.1.
        locality_distance (float): How far from the pivot's style vectors it looks, in
            :func:`~mmgen_bdinvert.models.inverters.noise_projector.style_deviation`. Defaults to 1.
        **settings: As for :class:`OptimizationInverter`; the statistics are the pivot's.

    Raises:
        TypeError: If the pivot finds no base and detail code of its own.
        ValueError: If a loss compares codes, which are fixed, or a setting is out of range.
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
        if settings.get('optimizer') is None:
            settings['optimizer'] = dict(type='Adam', lr=3e-4)
        super().__init__(pivot.generator, losses=losses, **settings)
        self.pivot = pivot
        self.locality_weight, self.locality_distance = locality_weight, locality_distance
        self._deviation: float | None = None

    def start(self, images: Tensor) -> dict[str, Tensor]:
        """Invert with the pivot, and take a copy of the weights for each image."""
        self._deviation = style_deviation(self.generator)
        code = self.pivot.invert(images, mask=self._mask).code
        count = len(images)
        weights = {k: w.expand(count, *w.shape) for k, w in tail_weights(self.generator).items()}
        return {'base': code.base, 'detail': code.detail, **weights}

    def render(self, variables: dict[str, Tensor]) -> Tensor:
        """Render each image's codes with its own weights."""
        return self._render(variables, variables['detail'])

    def values(self, variables: dict[str, Tensor]) -> dict[str, Tensor]:
        """Show the codes, which do not change."""
        return {name: variables[name] for name in self.fixed}

    def to_code(self, variables: dict[str, Tensor]) -> LatentCode:
        """Bundle the pivot's codes with what tuning changed."""
        tuned = {k: v for k, v in variables.items() if k not in self.fixed}
        changes = differences(self.generator.generator, tuned)
        return self.generator.code(*(variables[k] for k in self.fixed), changes=changes)

    def edit(
        self,
        variables: dict[str, Tensor],
        direction,
        strength: float,
        layers: Iterable[int] | None = None,
    ) -> dict[str, Tensor]:
        """Edit as the pivot does; the tuned weights stay."""
        return self.pivot.edit(variables, direction, strength, layers)

    def penalties(self, variables: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Compare tuned and frozen weights near the pivot (PTI, equations 4 and 5).

        ``w_r = w_p + α (w_z - w_p) / |w_z - w_p|`` for one random style vector ``w_z`` a step, the
        same for all images.
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
        tuned = generator.to_rgb(self._render(variables, detail))
        distance = sum(
            loss.loss_weight * loss(tuned, loss.prepare(frozen)) for loss in self.losses.values()
        )
        return {'locality': self.locality_weight * distance}

    def _render(self, variables: dict[str, Tensor], detail: Tensor) -> Tensor:
        base = variables['base']
        weights = {k: v for k, v in variables.items() if k not in self.fixed}
        images = [
            functional_call(
                self.generator,
                _named({k: v[i] for k, v in weights.items()}),
                (base[i : i + 1], detail[i : i + 1]),
            )
            for i in range(len(base))
        ]
        return torch.cat(images)


def _named(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Name weights of mmgen's generator as its wrapper does."""
    return {f'generator.{name}': weight for name, weight in weights.items()}
