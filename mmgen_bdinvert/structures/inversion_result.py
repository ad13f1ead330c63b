# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The result of an inversion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from .latent_code import LatentCode

__all__ = ['InversionResult']


@dataclass(frozen=True, eq=False, repr=False)
class InversionResult:
    """Codes, pictures and losses of a batch of n images.

    Args:
        code (LatentCode): The latent codes.
        reconstruction (Tensor): Images of the codes, (n, 3, H, W), in the generator's channel
            order, about [-1, 1].
        history (dict[str, Tensor]): Weighted losses by name, and their sum ``total``, each of
            shape (steps + 1, n): before every step, and of the result.
        stopped_at (Tensor): Step (n,) at which an image was stopped at its best state, because its
            loss or gradient was non-finite too often; -1 if it was not.
        setbacks (Tensor): How often (n,) that set an image back to its best state.
        variables (Mapping[str, Tensor]): The inverter's variables, each with the batch first, for
            its ``render`` and ``edit``. Defaults to none.
    """

    code: LatentCode
    reconstruction: Tensor
    history: dict[str, Tensor]
    stopped_at: Tensor
    setbacks: Tensor
    variables: Mapping[str, Tensor] = field(default_factory=dict)

    def __repr__(self) -> str:
        losses = ', '.join(self.history)
        steps = max((len(values) for values in self.history.values()), default=1) - 1
        return f'InversionResult({len(self.code)} images, {steps} steps, losses: {losses})'
