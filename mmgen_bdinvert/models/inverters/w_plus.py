# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Inversion into the generator's own style vectors, W and W+."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mmgen.registry import MODELS
from torch import Tensor, nn

from ...structures import LatentCode
from .base_inverter import InverterSettings, OptimizationInverter
from .regularized import paper_losses

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ['WPlusInverter']


@MODELS.register_module()
class WPlusInverter(OptimizationInverter):
    """Inversion into the generator's own style vectors, W+ or W, without an encoder.

    W+ is Image2StyleGAN's space (arXiv 1904.03189): a style vector for each of the N layers.

    Args:
        generator (dict | BaseDetailGenerator): The generator, or its config.
        losses (dict[str, dict] | None): Losses by name. Defaults to pixel MSE, and LPIPS with
            weight 10.
        one_style (bool): Whether one style vector serves all layers, which is W. Defaults to False.
        **settings: As for :class:`OptimizationInverter`; statistics are needed only with a
            PNormLoss.
    """

    comparable = ('image', 'detail')

    def __init__(
        self,
        generator: dict | nn.Module,
        *,
        losses: dict[str, dict] | None = None,
        one_style: bool = False,
        **settings: Unpack[InverterSettings],
    ):
        losses = self.config_defaults()['losses'] if losses is None else losses
        super().__init__(generator, losses=losses, **settings)
        self.one_style = one_style

    @classmethod
    def config_defaults(cls) -> dict:
        """Return the paper's image losses too."""
        losses = {k: v for k, v in paper_losses().items() if k in ('pixel', 'perceptual')}
        return {**super().config_defaults(), 'losses': losses}

    def start(self, images: Tensor) -> dict[str, Tensor]:
        """Start at the mean style vector: ``styles`` of shape (n, N, D), in W (n, 1, D)."""
        layers = 1 if self.one_style else self.generator.num_latents
        return {'styles': self.generator.mean_latent.expand(len(images), layers, -1)}  # [NLD]

    def render(self, variables: dict[str, Tensor]) -> Tensor:
        return self.generator.quick_synthesis(self.w_plus(variables))

    def values(self, variables: dict[str, Tensor]) -> dict[str, Tensor]:
        """Let losses on detail codes compare all style vectors."""
        return {'detail': variables['styles']}

    def to_code(self, variables: dict[str, Tensor]) -> LatentCode:
        """Split w+; the code carries the coarse RGB, see ``BaseDetailGenerator.whole_code``."""
        return self.generator.whole_code(self.w_plus(variables))

    def edit(
        self,
        variables: dict[str, Tensor],
        direction,
        strength: float,
        layers: Iterable[int] | None = None,
    ) -> dict[str, Tensor]:
        """Add a direction to w+: in the given layers, the direction's own, or all."""
        styles = direction.added(self.w_plus(variables), strength, self.generator, layers)
        return {**variables, 'styles': styles}

    def w_plus(self, variables: dict[str, Tensor]) -> Tensor:
        """Return the style vectors of all layers: (n, N, D)."""
        return variables['styles'].expand(-1, self.generator.num_latents, -1)
