# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""BDInvert's regularised inversion."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from mmgen.registry import MODELS
from torch import Tensor, nn

from ...structures import LatentCode
from ...utils.numbers import checked_number
from ..parts import build_part
from .base_inverter import InverterSettings, OptimizationInverter
from .targets import inpainted

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ['RegularizedInverter', 'paper_losses']

# Whitened coordinates are optimised in this unit: optimisers move all variables about equally far,
# and detail codes start farther from the solution than base codes.
UNIT = 3.0


def paper_losses() -> dict[str, dict]:
    """Return the configs of the paper's four losses (section 3.4), by name."""
    return dict(
        pixel=dict(type='PixelMSELoss', loss_weight=1.0),
        perceptual=dict(type='LPIPSLoss', loss_weight=10.0),
        base=dict(type='BaseCodeDistance', loss_weight=10.0),
        detail=dict(type='PNormLoss', loss_weight=0.01),
    )


@MODELS.register_module()
class RegularizedInverter(OptimizationInverter):
    """BDInvert's regularised inversion (paper, section 3.4).

    The base code starts at the encoder's prediction ``f0 = E(I)``, the detail code at the mean
    style vector, or at the prediction of a detail encoder. Both are optimised; losses hold the base
    code near ``f0``, and the detail code near the mean in P-norm+ space. Without the losses
    ``base`` or ``detail`` these are the paper's ablations, with ``num_steps=0`` the encoders'
    prediction alone.

    Args:
        generator (dict | BaseDetailGenerator): The generator, or its config.
        encoder (dict | BaseCodeEncoder): The trained encoder, or its config.
        detail_encoder (dict | DetailCodeEncoder | None): The trained detail encoder, or its config.
            Defaults to None: every detail code starts at the mean one.
        losses (dict[str, dict] | None): Losses by name. Defaults to the paper's four.
        clip (float | None): The paper's own regulariser of the detail code, for use without the
            loss ``detail``: after each step every whitened coordinate is clamped to [-clip, clip].
            Defaults to None.
        detail_space (str): Coordinates in which the detail code is optimised: 'w+', as in the
            paper, or 'pnorm', whitened ones, which start at zero without a detail encoder, and need
            the statistics.
            Optimisers get much further in them. Defaults to 'w+'.
        **settings: As for :class:`OptimizationInverter`.

    Raises:
        ValueError: Encoder, statistics and generator do not belong together, or a setting is out of
            range or lacks the statistics.
    """

    def __init__(
        self,
        generator: dict | nn.Module,
        encoder: dict | nn.Module,
        *,
        detail_encoder: dict | nn.Module | None = None,
        losses: dict[str, dict] | None = None,
        clip: float | None = None,
        detail_space: str = 'w+',
        **settings: Unpack[InverterSettings],
    ):
        losses = self.config_defaults()['losses'] if losses is None else losses
        super().__init__(generator, losses=losses, **settings)
        if clip is not None:
            clip = checked_number('clip', clip, above=0)
        if clip is not None and self.statistics is None:
            raise ValueError(f'clip={clip:g} needs the latent statistics: set statistics=.')
        if detail_space not in ('w+', 'pnorm'):
            raise ValueError(f"detail_space is 'w+' or 'pnorm', but got {detail_space!r}.")
        if detail_space == 'pnorm' and self.statistics is None:
            raise ValueError("detail_space='pnorm' needs the latent statistics: set statistics=.")
        self.clip, self.detail_space = clip, detail_space
        self.known_detail: Tensor | None = None  # see with_detail
        self.encoder = build_part('encoder', encoder, has='check_generator')
        self.encoder.check_generator(self.generator)
        self.encoder.requires_grad_(False)
        self.detail_encoder = None
        if detail_encoder is not None:
            self.detail_encoder = build_part('detail_encoder', detail_encoder, has='adapt')
            self.detail_encoder.check_generator(self.generator)
            self.detail_encoder.requires_grad_(False)

    @classmethod
    def config_defaults(cls) -> dict:
        """Return the paper's losses too."""
        return {**super().config_defaults(), 'losses': paper_losses()}

    @torch.no_grad()
    def fill_hidden(self, images: Tensor, mask: Tensor) -> Tensor:
        """Return images, or inpainted ones where the encoders predict what a mask shows better so.

        Known detail codes (:meth:`with_detail`) belong to images that are complete already.
        """
        if self.known_detail is not None:
            return images
        filled = inpainted(images, mask)
        errors = [
            (mask * (self.render(self.start(shown)) - images)).square().mean((1, 2, 3))
            for shown in (images, filled)
        ]
        return torch.where((errors[1] < errors[0]).view(-1, 1, 1, 1), filled, images)

    def start(self, images: Tensor) -> dict[str, Tensor]:
        """Start at ``f0``, and at the detail encoder's prediction or the mean style vector.

        Whitened coordinates without a detail encoder start at the centre of P-norm+ space.
        """
        self.encoder.check_generator(self.generator)
        rgb = self.generator.to_rgb(images)
        known = self.known_detail
        detail = self.first_detail(rgb) if known is None else self.detail_variables(known)
        return {'base': self.first_base(rgb), **detail}

    def first_base(self, rgb: Tensor) -> Tensor:
        """Return ``f0`` of RGB images (n, 3, H, W): (n, C, s, s)."""
        return self.encoder(rgb)

    def first_detail(self, rgb: Tensor) -> dict[str, Tensor]:
        """Return what the detail code of RGB images (n, 3, H, W) starts at, as the variable."""
        if self.detail_encoder is not None:
            self.detail_encoder.check_generator(self.generator)
            detail = self.detail_encoder(rgb)  # [NLD]
            if self.clip is not None:
                detail = self.statistics.clip(detail, self.clip)
            return self.detail_variables(detail)
        mean = self.generator.mean_latent
        detail = mean.expand(len(rgb), self.generator.num_detail, -1)  # [NLD]
        if self.detail_space == 'pnorm':
            return {'whitened': torch.zeros_like(detail)}
        return {'detail': detail}

    def with_detail(self, detail: Tensor) -> RegularizedInverter:
        """Return an inverter of the same parts that finds base codes, for known detail codes.

        Args:
            detail (Tensor): Of the images that are inverted, (n, L, D). They stay as they are.
        """
        held = copy.copy(self)
        held.known_detail, held.clip, held.fixed = detail, None, ('detail', 'whitened')
        return held

    def detail_variables(self, detail: Tensor) -> dict[str, Tensor]:
        """Return detail codes (n, L, D) as the variable that is optimised."""
        if self.detail_space == 'pnorm':
            return {'whitened': self.statistics.whiten(detail) / UNIT}
        return {'detail': detail}

    def render(self, variables: dict[str, Tensor]) -> Tensor:
        return self.generator(variables['base'], self._detail(variables))

    def values(self, variables: dict[str, Tensor]) -> dict[str, Tensor]:
        return {'base': variables['base'], 'detail': self._detail(variables)}

    def to_code(self, variables: dict[str, Tensor]) -> LatentCode:
        return self.generator.code(variables['base'], self._detail(variables))

    def outcome(self, variables: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return base and detail code as ``base`` and ``detail``, whatever was optimised."""
        return self.values(variables)

    def constrain(self, variables: dict[str, Tensor]) -> None:
        """Clamp the detail code in P-norm+ space to ``clip``."""
        if self.clip is None:
            return
        if 'whitened' in variables:
            variables['whitened'].clamp_(-self.clip / UNIT, self.clip / UNIT)
        else:
            variables['detail'].copy_(self.statistics.clip(variables['detail'], self.clip))

    def _detail(self, variables: dict[str, Tensor]) -> Tensor:
        if 'detail' in variables:
            return variables['detail']
        return self.statistics.unwhiten(UNIT * variables['whitened'])
