# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Held-out drawn faces, moved, and a trained model, instead of random weights."""

from __future__ import annotations

import copy
import os

import torch

from mmgen_bdinvert.apis import init_inverter

from ..quality.faces import DrawnFaces

__all__ = ['FaceSetting']

_KINDS = ('shifted', 'rotated', 'scaled', 'combined')
_LOSSES = {'pixel', 'perceptual', 'base', 'detail'}


class FaceSetting:
    """A trained generator of drawn faces with encoder and statistics, and held-out moved faces.

    It has the attributes of a :class:`Setting`.

    Args:
        config (str | os.PathLike): Config of a RegularizedInverter with the paper's four losses,
            such as ``'bdinvert_inv_toon64'``.
        count (int): Number of faces; the kinds of motion take turns.
        device (str | torch.device): Device of everything. Defaults to 'cpu'.

    Raises:
        ValueError: The config has other losses.
    """

    def __init__(self, config: str | os.PathLike, count: int, device: str | torch.device = 'cpu'):
        inverter = init_inverter(config, device=device)
        if set(inverter.losses) != _LOSSES:
            raise ValueError(
                f'The plain baseline has the losses {sorted(_LOSSES)}, but {config} has '
                f'{sorted(inverter.losses)}.'
            )
        self.generator, self.encoder = inverter.generator, inverter.encoder
        self.detail_encoder = inverter.detail_encoder
        self.statistics, self.perceptual = inverter.statistics, inverter.losses['perceptual']
        self.weights = {name: loss.loss_weight for name, loss in inverter.losses.items()}
        self.size, self.batch, self.device = self.generator.resolution, count, torch.device(device)
        drawn = DrawnFaces(count, self.size)
        rgb = [drawn.face(_KINDS[i % len(_KINDS)], i).image for i in range(count)]
        # (n, 3, H, W) in the generator's channel order
        self.images = self.generator.to_rgb(torch.stack(rgb)).to(device)

    def part(self, start: int, stop: int) -> FaceSetting:
        """Return the same with some of the images."""
        part = copy.copy(self)
        part.images = self.images[start:stop]
        part.batch = len(part.images)
        return part
