# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What the encoders share: they belong to one generator, and see images at a size of their own."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ['BoundToGenerator', 'encoder_input']


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


def encoder_input(images: Tensor, side: int) -> Tensor:
    """Resize images (n, 3, H, W) to (n, 3, side, side), channels last, with antialiasing."""
    if images.shape[-2:] != (side, side):
        images = F.interpolate(
            images, (side, side), mode='bilinear', align_corners=False, antialias=True
        )
    return images.contiguous(memory_format=torch.channels_last)
