# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Synthesis of mmgen's StyleGAN1 in two parts, around the base code.

Block ``i = k - 2`` of size ``2^k`` is ``convs[i]``: its two convolutions use styles and noises 2i
and 2i + 1. The base code replaces the input of ``adain1``, after noise and activation. RGB comes
from the last ``to_rgb`` alone, so the split loses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmgen.models.architectures.stylegan.generator_discriminator_v1 import StyleGANv1Generator
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..acceleration.frozen_stylegan1 import FrozenStyleGAN1
from ..acceleration.precision import synthesis_dtype
from .split import GeneratorSplit, outside_autocast, register_split

__all__ = ['StyleGAN1Split']


@register_split(StyleGANv1Generator)
class StyleGAN1Split(GeneratorSplit):
    """Split of mmgen's ``StyleGANv1Generator``, fully grown (transition weight 1).

    While the weights are frozen, :class:`FrozenStyleGAN1` renders what mmgen's modules do, but for
    rounding; under autocast to bfloat16, in bfloat16.
    """

    normalizes_base = True

    def __init__(self, generator: nn.Module, base_size: int):
        super().__init__(generator, base_size)
        self._frozen = FrozenStyleGAN1(generator)

    @property
    def _block(self) -> int:
        return self.first_detail // 2  # number of the s×s block in convs

    def _run_block(self, i: int, out: Tensor, styles: Tensor) -> Tensor:
        inputs = out, styles[:, 0], styles[:, 1], self._noise(2 * i), self._noise(2 * i + 1)
        if self.checkpointing:  # no random numbers are drawn, since the noise is given
            options = dict(use_reentrant=False, preserve_rng_state=False)
            return checkpoint(self.generator.convs[i], *inputs, **options)
        return self.generator.convs[i](*inputs)

    @outside_autocast
    def base_code(self, w_plus: Tensor) -> Tensor:
        out = w_plus  # mmgen's constant input takes the batch size from it
        for i in range(self._block):
            out = self._run_block(i, out, w_plus[:, 2 * i :])
        block = self.generator.convs[self._block]
        out = block.noise_injector1(block.conv1(out), noise=self._noise(2 * self._block))
        return block.activate1(out)

    def render(self, base: Tensor, detail: Tensor) -> Tensor:
        image = self._render_frozen(base, detail, self._block, whole=False)
        return self._render_by_modules(base, detail) if image is None else image

    def quick_synthesis(self, w_plus: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        maps = [self._noise(i) for i in range(2)] if noise is None else noise[:2]
        first = self._first_block(w_plus, *maps)
        image = self._render_frozen(first, w_plus[:, 2:], 1, noise, whole=True)
        return super().quick_synthesis(w_plus, noise) if image is None else image

    @outside_autocast
    def _first_block(self, w_plus: Tensor, *noise: Tensor) -> Tensor:
        # mmgen's constant input takes the batch size from its own input.
        return self.generator.convs[0](w_plus, w_plus[:, 0], w_plus[:, 1], *noise)

    def _render_frozen(
        self,
        x: Tensor,
        styles: Tensor,
        block: int,
        noise: Sequence[Tensor] | None = None,
        *,
        whole: bool,
    ) -> Tensor | None:
        dtype = synthesis_dtype(styles)
        styles = styles.to(torch.promote_types(styles.dtype, torch.float32))
        maps = [self._noise(i) for i in range(self.num_latents)] if noise is None else noise
        how = dict(whole=whole, checkpointing=self.checkpointing)
        with torch.autocast(x.device.type, enabled=False):
            return self._frozen(x, styles, block, maps, dtype, **how)

    @outside_autocast
    def _render_by_modules(self, base: Tensor, detail: Tensor) -> Tensor:
        block = self.generator.convs[self._block]
        out = block.conv2(block.adain1(base, detail[:, 0]))
        out = block.noise_injector2(out, noise=self._noise(2 * self._block + 1))
        out = block.adain2(block.activate2(out), detail[:, 1])
        for i in range(self._block + 1, len(self.generator.convs)):
            out = self._run_block(i, out, detail[:, 2 * i - self.first_detail :])
        return self.generator.to_rgbs[-1](out)
