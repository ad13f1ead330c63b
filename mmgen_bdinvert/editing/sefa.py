# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""SeFa (Shen and Zhou, CVPR 2021): what the style modulation amplifies most, in closed form."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmgen.models.architectures.stylegan.generator_discriminator_v1 import StyleGANv1Generator
from mmgen.registry import MODULES
from torch import Tensor

from ..models import BaseDetailGenerator
from ..utils.numbers import checked_number
from .directions import Direction
from .samples import Progress, draw_latents, in_deviations

__all__ = ['SeFa', 'factorise', 'modulation_weights']


def modulation_weights(generator: BaseDetailGenerator) -> list[Tensor]:
    """Return for each convolution the weight (C, D) that turns its style vector into styles.

    These are the layers that mmgen's ``apps/modified_sefa.py`` selects: the style modulation of
    StyleGAN2's convolutions, without ``to_rgb``, and the affine part of StyleGAN1's adaptive
    instance normalisations. The place in the list is the index of the style vector in w+;
    StyleGAN2's last one only makes colours, and has none.
    """
    g = generator.generator
    if isinstance(g, StyleGANv1Generator):
        return [a.affine.weight_orig for block in g.convs for a in (block.adain1, block.adain2)]
    return [layer.conv.style_modulation.linear.weight_orig for layer in (g.conv1, *g.convs)]


def factorise(weights: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Find the directions in which weights (C, D) of layers change styles most (SeFa, equation 5).

    Returns k <= D unit directions as rows (k, D), their largest entry positive, and by how much
    they are amplified (k,), descending.
    """
    _, values, rows = torch.linalg.svd(
        torch.cat(list(weights)).cpu().to(torch.float64), full_matrices=False
    )
    largest = rows.gather(1, rows.abs().argmax(1, keepdim=True))  # [k1]
    return (rows * largest.sign()).float(), values.float()


@MODULES.register_module()
class SeFa:
    """Directions from the weights alone, of the layers that the detail code uses.

    Args:
        count (int): How many directions. Defaults to 10.
        layers (Sequence[int] | None): w+ layers that are factorised, and edited. Defaults to None:
            all layers of the detail code.

    Raises:
        ValueError: ``count`` is below 1.
    """

    def __init__(self, count: int = 10, layers: Sequence[int] | None = None):
        self.count = checked_number('count', count, least=1, whole=True)
        self.layers = layers

    def find(
        self, generator: BaseDetailGenerator, *, seed: int = 0, progress: Progress = None
    ) -> list[Direction]:
        """Find the directions of a generator, named sefa0, sefa1 and so on.

        They are one standard deviation of w long, of samples drawn from ``seed``, with their
        amplification as ``singular_value`` in ``notes``.

        Raises:
            ValueError: A layer is not in the detail code or has no convolution, or there are fewer
                directions than wanted.
        """
        weights = modulation_weights(generator)
        known = range(generator.first_detail, len(weights))
        chosen = list(known if self.layers is None else self.layers)
        if not chosen or any(layer not in known for layer in chosen):
            raise ValueError(
                f'SeFa factorises the layers {known[0]} to {known[-1]} of w+, which are those of '
                f'the detail code with a convolution, but got {chosen}.'
            )
        rows, values = factorise([weights[layer] for layer in chosen])
        if self.count > len(rows):
            raise ValueError(f'There are {len(rows)} directions, but got count={self.count}.')
        w = draw_latents(generator, 10_000, seed)
        return [
            Direction(
                in_deviations(rows[i].cpu(), w),
                f'sefa{i}',
                generator.fingerprint,
                'SeFa',
                {'singular_value': f'{values[i]:.3f}'},
                self.layers,
            )
            for i in range(self.count)
        ]
