# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""GANSpace (Härkönen et al., NeurIPS 2020): principal components of the style vectors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmgen.registry import MODULES

from ..models import BaseDetailGenerator, LatentStatistics
from ..utils.numbers import checked_number
from .directions import Direction
from .samples import Progress

__all__ = ['GANSpace']


@MODULES.register_module()
class GANSpace:
    """Directions of largest variance of w, in order.

    Args:
        count (int): How many components. Defaults to 10.
        layers (Sequence[int] | None): w+ layers that the directions are meant for; None means all.
            Defaults to None.
        num_samples (int): Mapped samples. Defaults to 100,000.

    Raises:
        ValueError: ``count`` is below 1.
    """

    def __init__(
        self, count: int = 10, layers: Sequence[int] | None = None, num_samples: int = 100_000
    ):
        self.count = checked_number('count', count, least=1, whole=True)
        self.num_samples = checked_number('num_samples', num_samples, least=2, whole=True)
        self.layers = layers

    def find(
        self, generator: BaseDetailGenerator, *, seed: int = 0, progress: Progress = None
    ) -> list[Direction]:
        """Find the directions of a generator, named pc0, pc1 and so on.

        They are one standard deviation long, with their share of the variance, over samples drawn
        from ``seed``, as ``explained_variance`` in ``notes``.

        Raises:
            ValueError: There are fewer components than wanted.
        """
        if self.count > generator.style_dim:
            raise ValueError(
                f'There are {generator.style_dim} components, but got count={self.count}.'
            )
        statistics = LatentStatistics.fit(
            generator.mapping,
            generator.style_dim,
            generator=torch.Generator().manual_seed(seed),
            num_samples=self.num_samples,
            slope=1.0,  # w itself, not the x of P-norm space
            device=generator.device,
            progress=progress,
        )
        shares = statistics.eigenvalues / statistics.eigenvalues.sum()
        return [
            Direction(
                statistics.deviations[i] * statistics.components[:, i],
                f'pc{i}',
                generator.fingerprint,
                'GANSpace',
                {
                    'explained_variance': f'{shares[i]:.3f}',
                    'samples': str(self.num_samples),
                    'seed': str(seed),
                },
                self.layers,
            )
            for i in range(self.count)
        ]
