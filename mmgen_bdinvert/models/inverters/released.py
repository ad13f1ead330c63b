# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Regularised inversion as the authors' released program computes it."""

from __future__ import annotations

from mmgen.registry import MODELS
from torch import Tensor

from ...structures import LatentCode
from ..losses.released import resize_lanczos
from .regularized import RegularizedInverter

__all__ = ['ReleasedInverter']


@MODELS.register_module()
class ReleasedInverter(RegularizedInverter):
    """Regularised inversion with what differs in the authors' released program.

    All N style vectors are optimised: those before M reach no pixel, but count in the loss
    ``detail``, of which the others have the share (N - M) / N. The detail code starts at the mean
    style vector that the generator's file stores, where it does. The encoder sees the image reduced
    by :func:`~mmgen_bdinvert.models.losses.released.resize_lanczos`. The rest is in
    ``configs/baselines/authors.py``.
    """

    def first_base(self, rgb: Tensor) -> Tensor:
        """Return ``f0`` of the reduced images."""
        return super().first_base(resize_lanczos(rgb, self.encoder.input_size))

    def first_detail(self, rgb: Tensor) -> dict[str, Tensor]:
        """Return the mean style vector, N times."""
        stored = getattr(self.generator.generator, 'w_avg', None)
        mean = self.generator.mean_latent if stored is None else stored.to(rgb)
        return {'detail': mean.expand(len(rgb), self.generator.num_latents, -1)}

    def render(self, variables: dict[str, Tensor]) -> Tensor:
        """Render base code and the style vectors from M on."""
        return self.generator(variables['base'], self._used(variables))

    def to_code(self, variables: dict[str, Tensor]) -> LatentCode:
        """Bundle base code and the style vectors from M on."""
        return self.generator.code(variables['base'], self._used(variables))

    def outcome(self, variables: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return base and detail code."""
        return {'base': variables['base'], 'detail': self._used(variables)}

    def _used(self, variables: dict[str, Tensor]) -> Tensor:
        return variables['detail'][:, -self.generator.num_detail :]
