# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Regularised inversion, and the plain W+ inversion that it is compared with."""

from __future__ import annotations

from mmgen.registry import MODELS, MODULES
from torch import Tensor, nn

from ..structures import LatentCode
from .optimization_inverter import OptimizationInverter

__all__ = ['RegularizedInverter', 'WPlusInverter']


def _paper_losses() -> dict[str, dict]:
    return dict(
        pixel=dict(type='PixelMSELoss', loss_weight=1.0),
        perceptual=dict(type='LPIPSLoss', loss_weight=10.0),
        base=dict(type='BaseCodeDistance', loss_weight=10.0),
        detail=dict(type='PNormLoss', loss_weight=0.01),
    )


@MODELS.register_module()
class RegularizedInverter(OptimizationInverter):
    """BDInvert's regularised inversion (paper, section 3.4).

    The base code starts at the encoder's guess ``f0 = E(I)``, the detail code at the mean style
    vector. Both are optimised; the base code is held near ``f0``, the detail code near the mean in
    P-norm+ space. Leaving the losses ``base`` or ``detail`` out gives the paper's ablations.

    Args:
        generator (dict | BaseDetailGenerator): The generator, or its config.
        encoder (dict | BaseCodeEncoder): The trained encoder, or its config.
        statistics (dict | LatentStatistics | None): Statistics of that generator. Defaults to None.
        losses (dict[str, dict] | None): Losses by name. Defaults to the paper's four.
        optimizer (dict | None): Config of a torch optimiser. Defaults to Adam with lr 0.01.
        num_steps (int): Optimisation steps. Defaults to 1200.
        data_preprocessor (dict | None): See :class:`OptimizationInverter`. Defaults to None.

    Raises:
        ValueError: If encoder, statistics and generator do not belong together.
    """

    def __init__(
        self,
        generator: dict | nn.Module,
        encoder: dict | nn.Module,
        statistics: dict | nn.Module | None = None,
        losses: dict[str, dict] | None = None,
        optimizer: dict | None = None,
        num_steps: int = 1200,
        data_preprocessor: dict | None = None,
    ):
        super().__init__(
            generator,
            statistics,
            _paper_losses() if losses is None else losses,
            dict(type='Adam', lr=0.01) if optimizer is None else optimizer,
            num_steps,
            data_preprocessor,
        )
        self.encoder = MODULES.build(encoder) if isinstance(encoder, dict) else encoder
        self.encoder.check_generator(self.generator)
        self.encoder.requires_grad_(False)

    def start(self, images: Tensor) -> dict[str, Tensor]:
        """Start at ``f0`` and the mean style vector."""
        self.encoder.check_generator(self.generator)
        mean = self.generator.mean_latent
        return {
            'base': self.encoder(self.generator.to_rgb(images)),
            'detail': mean.expand(len(images), self.generator.num_detail, -1),  # [NLD]
        }

    def render(self, variables: dict[str, Tensor]) -> Tensor:
        """Render base and detail code."""
        return self.generator(variables['base'], variables['detail'])

    def values(self, variables: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return base and detail code as they are."""
        return variables

    def to_code(self, variables: dict[str, Tensor]) -> LatentCode:
        """Bundle base and detail code."""
        return self.generator.code(variables['base'], variables['detail'])


@MODELS.register_module()
class WPlusInverter(OptimizationInverter):
    """Plain W+ inversion, the common baseline: all N style vectors, no encoder.

    Args:
        generator (dict | BaseDetailGenerator): The generator, or its config.
        statistics (dict | LatentStatistics | None): Needed only with a PNormLoss. Defaults to None.
        losses (dict[str, dict] | None): Losses by name. Defaults to pixel MSE, and LPIPS with
            weight 10.
        optimizer (dict | None): Config of a torch optimiser. Defaults to Adam with lr 0.01.
        num_steps (int): Optimisation steps. Defaults to 1200.
        data_preprocessor (dict | None): See :class:`OptimizationInverter`. Defaults to None.
    """

    comparable = ('image', 'detail')

    def __init__(
        self,
        generator: dict | nn.Module,
        statistics: dict | nn.Module | None = None,
        losses: dict[str, dict] | None = None,
        optimizer: dict | None = None,
        num_steps: int = 1200,
        data_preprocessor: dict | None = None,
    ):
        if losses is None:
            losses = {k: v for k, v in _paper_losses().items() if k in ('pixel', 'perceptual')}
        super().__init__(
            generator,
            statistics,
            losses,
            dict(type='Adam', lr=0.01) if optimizer is None else optimizer,
            num_steps,
            data_preprocessor,
        )

    def start(self, images: Tensor) -> dict[str, Tensor]:
        """Start at the mean style vector in every layer."""
        shape = (len(images), self.generator.num_latents, -1)
        return {'w_plus': self.generator.mean_latent.expand(shape)}  # [NLD]

    def render(self, variables: dict[str, Tensor]) -> Tensor:
        """Render with the whole generator."""
        return self.generator.synthesis(variables['w_plus'])

    def values(self, variables: dict[str, Tensor]) -> dict[str, Tensor]:
        """Show all style vectors to losses on detail codes."""
        return {'detail': variables['w_plus']}

    def to_code(self, variables: dict[str, Tensor]) -> LatentCode:
        """Split w+; without the coarse RGB, see :meth:`BaseDetailGenerator.split`."""
        return self.generator.split(variables['w_plus'])
