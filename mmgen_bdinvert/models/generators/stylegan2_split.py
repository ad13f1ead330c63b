# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Synthesis of mmgen's StyleGAN2 in two parts, around the base code.

In the block of size ``s = 2^k``, the base code replaces the output of the up-sampling convolution
``convs[2(k-3)]``; the next layer is ``convs[2(k-3)+1]`` with style ``w[2(k-2)]``. ``convs[j]`` uses
style j + 1 and noise j + 1; ``to_rgbs[i]`` uses style 2i + 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmgen.models.architectures.stylegan.generator_discriminator_v2 import StyleGANv2Generator
from torch import Tensor, nn

from ..acceleration.frozen_stylegan2 import FrozenStyleGAN2
from ..acceleration.precision import synthesis_dtype
from .split import GeneratorSplit, outside_autocast, register_split

__all__ = ['StyleGAN2Split']


@register_split(StyleGANv2Generator)
class StyleGAN2Split(GeneratorSplit):
    """Split of mmgen's ``StyleGANv2Generator``.

    While the weights are frozen, :class:`FrozenStyleGAN2` renders what mmgen's modules do, but for
    rounding; under autocast to bfloat16, in bfloat16.
    """

    def __init__(self, generator: nn.Module, base_size: int):
        super().__init__(generator, base_size)
        self._frozen = FrozenStyleGAN2(generator)

    @property
    def _block(self) -> int:
        return self.first_detail // 2 - 1  # number of the s×s block in to_rgbs

    @outside_autocast
    def base_code(self, w_plus: Tensor) -> Tensor:
        return self._coarse(w_plus)[0]

    @outside_autocast
    def colours(self, w_plus: Tensor) -> Tensor:
        return self._coarse(w_plus)[1]

    def _coarse(self, w_plus: Tensor) -> tuple[Tensor, Tensor]:
        g = self.generator
        out = g.constant_input(w_plus)
        out = g.conv1(out, w_plus[:, 0], noise=self._noise(0))
        skip = g.to_rgb1(out, w_plus[:, 1])
        for j in range(2 * self._block + 1):
            out = g.convs[j](out, w_plus[:, j + 1], noise=self._noise(j + 1))
            if j % 2 == 1:
                skip = g.to_rgbs[j // 2](out, w_plus[:, j + 2], skip)
        return out, skip

    def render(self, base: Tensor, detail: Tensor, colours: Tensor | None = None) -> Tensor:
        image = self._render_frozen(base, detail, self.first_detail, colours=colours)
        return self._render_by_modules(base, detail, colours) if image is None else image

    def quick_synthesis(self, w_plus: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        image = self._render_frozen(self.generator.constant_input(w_plus), w_plus, 0, noise)
        return super().quick_synthesis(w_plus, noise) if image is None else image

    def _render_frozen(
        self,
        x: Tensor,
        styles: Tensor,
        first: int,
        noise: Sequence[Tensor] | None = None,
        colours: Tensor | None = None,
    ) -> Tensor | None:
        dtype = synthesis_dtype(styles)
        styles = styles.to(torch.promote_types(styles.dtype, torch.float32))
        with torch.autocast(x.device.type, enabled=False):
            how = dict(noise=noise, checkpointing=self.checkpointing, skip=colours)
            return self._frozen(x, styles, first, dtype, **how)

    @outside_autocast
    def _render_by_modules(
        self, base: Tensor, detail: Tensor, colours: Tensor | None = None
    ) -> Tensor:
        g, out, skip = self.generator, base, colours
        for j in range(2 * self._block + 1, len(g.convs)):
            out = g.convs[j](out, detail[:, j + 1 - self.first_detail], noise=self._noise(j + 1))
            if j % 2 == 1:  # second convolution of its block
                style = detail[:, j + 2 - self.first_detail]
                skip = g.to_rgbs[j // 2](out, style, skip)
        return skip
