# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Faces of which only a part is seen, as a generator continues them."""

from __future__ import annotations

import torch
from torch import Tensor

from .regularized import UNIT, RegularizedInverter
from .w_plus import WPlusInverter

__all__ = ['Completion']


class Completion(WPlusInverter):
    """Finds the style vectors before the base code, for known detail codes.

    A base code has numbers of its own for each place, and says nothing about those that no loss
    sees. The M style vectors before it draw a whole face: those that fit the part that is seen
    continue it as faces of the generator go on. A P-norm loss holds them near the mean one.

    Args:
        inverter (RegularizedInverter): Its generator, statistics, image losses, optimiser and steps
            are used.
        detail (Tensor): Detail codes of the images, (n, L, D). They stay as they are.
    """

    def __init__(self, inverter: RegularizedInverter, detail: Tensor):
        losses = {k: loss for k, loss in inverter.losses.items() if loss.compares == 'image'}
        if inverter.statistics is not None:
            losses['styles'] = dict(type='PNormLoss', loss_weight=0.01)
        super().__init__(
            inverter.generator,
            losses=losses,
            statistics=inverter.statistics,
            optimizer=inverter.optimizer,
            num_steps=inverter.num_steps,
            keep_best=inverter.keep_best,
            amp=inverter.amp,
        )
        self.detail = detail

    def start(self, images: Tensor) -> dict[str, Tensor]:
        """Start at the mean style vector: (n, M, D), whitened if there are statistics."""
        mean = self.generator.mean_latent.expand(len(images), self.generator.first_detail, -1)
        if self.statistics is None:
            return {'styles': mean}
        return {'whitened': self.statistics.whiten(mean) / UNIT}

    def values(self, variables: dict[str, Tensor]) -> dict[str, Tensor]:
        """Let the P-norm loss see the style vectors that are sought."""
        return {'detail': self._styles(variables)}

    def w_plus(self, variables: dict[str, Tensor]) -> Tensor:
        styles = self._styles(variables)
        return torch.cat([styles, self.detail.to(styles)], 1)  # [NLD]

    def _styles(self, variables: dict[str, Tensor]) -> Tensor:
        if self.statistics is None:
            return variables['styles']
        return self.statistics.unwhiten(UNIT * variables['whitened'])
