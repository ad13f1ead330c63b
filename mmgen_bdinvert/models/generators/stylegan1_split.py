# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Synthesis of mmgen's StyleGAN1 in two parts, around the base code.

Block ``i = k - 2`` of size ``2^k`` is ``convs[i]``: its two convolutions use the styles and the
noises 2i and 2i + 1. The base code stands in for what the first convolution hands to ``adain1``,
noise and activation included. Colours come from the last ``to_rgb`` alone, so nothing is lost by
the split.
"""

from __future__ import annotations

from mmgen.models.architectures.stylegan.generator_discriminator_v1 import StyleGANv1Generator
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from .split import GeneratorSplit, outside_autocast, register_split

__all__ = ['StyleGAN1Split']


@register_split(StyleGANv1Generator)
class StyleGAN1Split(GeneratorSplit):
    """The two halves of mmgen's ``StyleGANv1Generator``, fully grown (transition weight 1).

    Instance normalisation follows the base code: the mean and the scale of each of its channels
    reach no pixel.
    """

    normalizes_base = True

    @property
    def _block(self) -> int:
        return self.first_detail // 2  # number of the s×s block in convs

    def _whole_block(self, i: int, out: Tensor, style1: Tensor, style2: Tensor) -> Tensor:
        noises = self._noise(2 * i), self._noise(2 * i + 1)
        if self.checkpointing:
            # It draws no random numbers: the noise is given.
            options = dict(use_reentrant=False, preserve_rng_state=False)
            return checkpoint(self.generator.convs[i], out, style1, style2, *noises, **options)
        return self.generator.convs[i](out, style1, style2, *noises)

    @outside_autocast
    def base_code(self, w_plus: Tensor) -> Tensor:
        """Return the feature map (n, C, s, s) that the base code stands in for."""
        out = w_plus  # mmgen's constant input takes the batch size from it
        for i in range(self._block):
            out = self._whole_block(i, out, w_plus[:, 2 * i], w_plus[:, 2 * i + 1])
        block = self.generator.convs[self._block]
        out = block.noise_injector1(block.conv1(out), noise=self._noise(2 * self._block))
        return block.activate1(out)

    @outside_autocast
    def render(self, base: Tensor, detail: Tensor) -> Tensor:
        """Render base (n, C, s, s) and detail code (n, N - M, D): image (n, 3, H, W)."""
        block = self.generator.convs[self._block]
        out = block.conv2(block.adain1(base, detail[:, 0]))
        out = block.noise_injector2(out, noise=self._noise(2 * self._block + 1))
        out = block.adain2(block.activate2(out), detail[:, 1])
        for i in range(self._block + 1, len(self.generator.convs)):
            j = 2 * i - self.first_detail
            out = self._whole_block(i, out, detail[:, j], detail[:, j + 1])
        return self.generator.to_rgbs[-1](out)
