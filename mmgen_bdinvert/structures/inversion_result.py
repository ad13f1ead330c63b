# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What an inversion gives back."""

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
        stopped_at (Tensor): Step at which an image was stopped, since its loss or gradient became
            non-finite once too often, -1 if it was not; shape (n,). It ended at its best state.
        setbacks (Tensor): How often that happened to an image, and set it back to its best state;
            shape (n,).
        variables (Mapping[str, Tensor]): All that the inverter found, each with the batch first.
            Its ``render`` takes them, and its ``edit`` changes them. Defaults to nothing.
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
