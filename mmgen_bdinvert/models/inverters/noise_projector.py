# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""StyleGAN2's own projector: optimises style vectors and regularised noise maps."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from mmgen.registry import MODELS
from torch import Tensor, nn

from ...structures import LatentCode
from ...utils.numbers import checked_number
from ..generators.changes import differences
from .w_plus import WPlusInverter

__all__ = ['NoiseProjector', 'noise_correlation', 'projector_rate', 'style_deviation']

_SAMPLES = 10_000
_SMALLEST = 8  # side of the last map of the noise pyramid


def noise_correlation(noise: Tensor) -> Tensor:
    """Measure the correlation of neighbours in noise maps on all scales (StyleGAN2, appendix D).

    Maps (n, 1, h, h), h a power of two, are halved by averaging 2×2 values, times 2 to keep their
    variance, down to 8×8. On each scale the mean products with the right and the lower neighbour,
    edges wrapped, are squared. Returns (n,): near 0 for white noise.
    """
    total = noise.new_zeros(len(noise))
    while True:
        for dim in (2, 3):
            total = total + (noise * noise.roll(1, dim)).mean((1, 2, 3)).square()
        if noise.shape[-1] <= _SMALLEST:
            return total
        noise = 2 * F.avg_pool2d(noise, 2)  # [N1hh] -> [N1h/2h/2]


def projector_rate(progress: float, up: float = 0.05, down: float = 0.25) -> float:
    """Return the learning rate's factor (StyleGAN2, appendix D)."""
    fall = min(1.0, (1 - progress) / down)
    return min(1.0, progress / up) * (0.5 - 0.5 * math.cos(math.pi * fall))


def style_deviation(generator: nn.Module) -> float:
    """Return the root mean squared distance of mapped style vectors from their mean."""
    rng = torch.Generator().manual_seed(1)
    z = torch.randn(_SAMPLES, generator.style_dim, generator=rng)
    with torch.no_grad():
        w = generator.mapping(z.to(generator.device))
    return float((w - generator.mean_latent).square().sum(1).mean().sqrt())


@MODELS.register_module()
class NoiseProjector(WPlusInverter):
    """StyleGAN2's projector (arXiv 1912.04958, appendix D): style vectors and noise maps.

    Both are optimised, and the maps are held near white noise. Early steps add noise to the style
    vectors, the same for all images; the learning rate rises and falls. The latent code carries the
    noise maps, since the image depends on them.

    Args:
        generator (dict | BaseDetailGenerator): The generator, or its config.
        optimizer (dict | None): Config of a torch optimiser. Defaults to Adam with lr 0.1.
        num_steps (int): Optimisation steps. Defaults to 1000.
        one_style (bool): Whether one style vector serves all layers. Defaults to True.
        noise_weight (float): Weight of :func:`noise_correlation`, summed over the maps. Defaults to
            1e5.
        exploration (float): Initial noise on the style vectors, in units of
            :func:`style_deviation`; it falls quadratically to 0 within three quarters of the steps.
            Defaults to 0.05.
        **settings: As for :class:`WPlusInverter`.
    """

    reserved = ('total', 'noise')

    def __init__(
        self,
        generator: dict | nn.Module,
        *,
        optimizer: dict | None = None,
        num_steps: int = 1000,
        one_style: bool = True,
        noise_weight: float = 1e5,
        exploration: float = 0.05,
        **settings: Any,
    ):
        own = dict(optimizer=optimizer, num_steps=num_steps, one_style=one_style)
        super().__init__(generator, **own, **settings)
        self.noise_weight = checked_number('noise_weight', noise_weight, least=0)
        self.exploration = checked_number('exploration', exploration, least=0)
        self._deviation: float | None = None

    @classmethod
    def config_defaults(cls) -> dict:
        """Return the projector's own optimiser and number of steps."""
        own = dict(optimizer=dict(type='Adam', lr=0.1), num_steps=1000)
        return {**super().config_defaults(), **own}

    def start(self, images: Tensor) -> dict[str, Tensor]:
        """Start at the mean style vector and the generator's own noise maps."""
        self._deviation = style_deviation(self.generator)
        host = self.generator.generator
        maps = [getattr(host, f'injected_noise_{i}') for i in range(host.num_injected_noises)]
        noise = {f'noise_{i}': m.expand(len(images), -1, -1, -1) for i, m in enumerate(maps)}
        return {**super().start(images), **noise}

    def render(self, variables: dict[str, Tensor]) -> Tensor:
        return self.generator.quick_synthesis(self.w_plus(variables), _maps(variables))

    def to_code(self, variables: dict[str, Tensor]) -> LatentCode:
        """Split w+ with the noise maps, which the code carries."""
        maps = {f'injected_{k}': v[:, None] for k, v in variables.items() if k != 'styles'}
        changes = differences(self.generator.generator, maps)  # [N11hh]
        return self.generator.whole_code(self.w_plus(variables), changes)

    def learning_rate(self, step: int) -> float:
        return projector_rate(self._progress(step))

    def explore(self, variables: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Add noise to the style vectors, the same to those of every image."""
        ramp = max(0.0, 1 - self._progress(step) / 0.75)
        if not ramp:
            return variables
        styles = variables['styles']
        rng = torch.Generator().manual_seed(step)
        noise = torch.randn(styles.shape[1:], generator=rng).to(styles)  # [LD]
        scale = self._deviation * self.exploration * ramp**2
        return {**variables, 'styles': styles + scale * noise}

    def penalties(self, variables: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Penalise correlation within the noise maps."""
        return {'noise': self.noise_weight * sum(map(noise_correlation, _maps(variables)))}

    def constrain(self, variables: dict[str, Tensor]) -> None:
        """Normalise each noise map to mean 0 and variance 1."""
        for noise in _maps(variables):
            noise -= noise.mean((1, 2, 3), keepdim=True)
            noise *= noise.square().mean((1, 2, 3), keepdim=True).rsqrt()

    def _progress(self, step: int) -> float:
        return step / self.num_steps if self.num_steps else 1.0


def _maps(variables: dict[str, Tensor]) -> list[Tensor]:
    count = sum(name.startswith('noise_') for name in variables)
    return [variables[f'noise_{i}'] for i in range(count)]  # in order; that on disk may differ
