# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Encoders that belong to one generator."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ['BoundToGenerator']


class BoundToGenerator(nn.Module):
    """Mixin of encoders: the generator's fingerprint is saved with the weights."""

    generator_fingerprint: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer('generator_fingerprint', torch.zeros(32, dtype=torch.uint8))

    def bind(self, fingerprint: str) -> None:
        """Record the fingerprint of the generator that this encoder is trained for."""
        digest = torch.frombuffer(bytearray.fromhex(fingerprint), dtype=torch.uint8)
        self.generator_fingerprint.copy_(digest)

    def check_fingerprint(self, generator: nn.Module) -> None:
        """Check that this encoder was trained for a BaseDetailGenerator, or for none yet.

        Raises:
            ValueError: The fingerprint differs.
        """
        digest = bytes(self.generator_fingerprint.tolist()).hex()
        if digest.strip('0') and digest != generator.fingerprint:
            raise ValueError(
                f'The encoder was trained for another generator (fingerprint {digest[:12]}…, this '
                f'one is {generator.fingerprint[:12]}…): use the encoder of this generator.'
            )
