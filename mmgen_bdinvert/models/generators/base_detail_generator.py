# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A frozen generator that renders from base and detail codes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from mmengine.logging import print_log
from mmgen.registry import MODULES
from torch import Tensor, nn

from ...structures import LatentCode
from ..checkpoint import load_weights
from ..derived import Derived
from ..state_dicts import update_digest
from .changes import call_changed, check_changes
from .split import split_generator

__all__ = ['BaseDetailGenerator']

_HALF = (
    'The config of the generator has layers in half precision, in which those of mmgen compute '
    'another function: keep it so only if the checkpoint was trained with it.'
)


@MODULES.register_module()
class BaseDetailGenerator(nn.Module):
    """A generator that renders from a base code and a detail code (paper, section 3.1).

    It splits mmgen's StyleGAN1 and StyleGAN2 generators and their subclasses, and what
    :func:`register_split` adds. The generator is frozen, in evaluation mode and with fixed noise,
    whatever the mode of its parent. Images are in the generator's own channel order, in [-1, 1].

    Args:
        generator (dict | nn.Module): Config of a generator, or the module.
        base_size (int): Side s of the base code: a power of two from 8 up to half the resolution.
            Defaults to 16.
        checkpoint (str | None): Path or URL of the weights: an mmgen 0.x or 1.x checkpoint or a
            bare generator file. Defaults to None: a module keeps its weights, a config gets random
            ones.
        channel_order (str): Order of the generator's colour channels, 'bgr' for every mmgen
            generator. Defaults to 'bgr'.
        checkpointing (bool): Whether the backward pass computes feature maps again instead of
            keeping them, and an inversion returns freed memory at once: less memory, more time.
            Defaults to False.

    Attributes:
        base_shape (tuple[int, int, int]): Shape (C, s, s) of a base code.
        base_size (int): Side s of a base code.
        normalizes_base (bool): Whether an instance normalisation follows the base code, as in
            StyleGAN1: mean and scale of each of its channels then do not affect the image.
        resolution (int): Side of the images in pixels.
        style_dim (int): Width D of a style vector.
        num_latents (int): Number N of style vectors of a w+.
        first_detail (int): Index M of the first style vector in the detail code.
        num_detail (int): Number N - M of style vectors in the detail code.

    Raises:
        TypeError: The generator is of a family that cannot be split.
        ValueError: The base size, the channel order or the checkpoint does not fit.
        FileNotFoundError: The checkpoint does not exist.
    """

    def __init__(
        self,
        generator: dict | nn.Module,
        base_size: int = 16,
        checkpoint: str | None = None,
        channel_order: str = 'bgr',
        checkpointing: bool = False,
    ):
        super().__init__()
        if channel_order not in ('bgr', 'rgb'):
            raise ValueError(f"channel_order is 'bgr' or 'rgb', but got {channel_order!r}.")
        from_config = isinstance(generator, dict)
        if from_config:
            with torch.random.fork_rng(devices=[]):
                generator = MODULES.build(generator)
        self._split = split = split_generator(generator, base_size)
        self.base_shape, self.base_size = split.base_shape, split.base_shape[-1]
        self.resolution, self.normalizes_base = split.resolution, split.normalizes_base
        self.style_dim, self.num_latents = split.style_dim, split.num_latents
        self.first_detail = split.first_detail
        self.num_detail = split.num_latents - split.first_detail
        self.checkpointing = split.checkpointing = checkpointing
        self.generator = generator
        self.channel_order = channel_order
        if checkpoint is not None:
            load_weights(generator, checkpoint)
        elif from_config:
            print_log('The generator has random weights: no checkpoint is set.', 'current')
        if any(getattr(layer, 'fp16_enabled', False) for layer in generator.modules()):
            print_log(_HALF, 'current', level=30)
        self.requires_grad_(False)
        if hasattr(generator, 'eval_style_mode'):
            generator.default_style_mode = generator.eval_style_mode  # else mmgen prints the switch
        self.eval()
        self._values = Derived(self._compute)  # by name, of the weights in their present state

    def train(self, mode: bool = True) -> BaseDetailGenerator:
        """Stay in evaluation mode."""
        return super().train(False)

    @property
    def device(self) -> torch.device:
        """torch.device: Where the weights are."""
        return next(self.generator.parameters()).device

    @property
    def mean_latent(self) -> Tensor:
        """Tensor: Mean w of shape (D,), over 32,768 samples from a fixed seed."""
        return self._derived('mean_latent').to(next(self.generator.parameters()))

    @property
    def mean_base(self) -> Tensor:
        """Tensor: Mean base code of shape (1, C, s, s), over 128 samples from a fixed seed."""
        return self._derived('mean_base').to(next(self.generator.parameters()))

    @property
    def fingerprint(self) -> str:
        """str: SHA-256 of all weights (names, shapes, float32 values), in hexadecimal."""
        return self._derived('fingerprint')

    def _derived(self, name: str) -> Any:
        return self._values([*self.generator.parameters(), *self.generator.buffers()], name)

    def _compute(self, name: str) -> Tensor | str:
        if name == 'fingerprint':
            digest = hashlib.sha256()
            update_digest(digest, self.generator.state_dict())
            return digest.hexdigest()
        if name == 'mean_latent':
            return self._mean(lambda w: w, samples=32768, batch_size=4096)
        base_code = self._split.base_code
        return self._mean(lambda w: base_code(self.to_w_plus(w)), samples=128, batch_size=32)[None]

    def _mean(self, value: Callable[[Tensor], Tensor], samples: int, batch_size: int) -> Tensor:
        """Return the mean of a function of w (n, D), in float64 on the CPU."""
        rng, total = torch.Generator().manual_seed(0), torch.zeros((), dtype=torch.float64)
        for _ in range(samples // batch_size):
            z = torch.randn(batch_size, self.style_dim, generator=rng)
            w = self.mapping(z.to(next(self.generator.parameters())))
            total = total + value(w).cpu().to(torch.float64).sum(0)  # Apple's GPUs have no float64
        return total / samples

    def mapping(self, z: Tensor) -> Tensor:
        """Map normal samples z (n, D) to style vectors w (n, D)."""
        return self._split.mapping(z)

    def to_w_plus(self, w: Tensor, truncation: float = 1.0, truncation_layers: int = 8) -> Tensor:
        """Repeat w (n, D) for every layer: w+ (n, N, D).

        The first ``truncation_layers`` are truncated towards the mean by ψ, ``truncation``.
        """
        w_plus = w[:, None].repeat(1, self.num_latents, 1)  # [NLD]
        if truncation != 1.0:
            head = self.mean_latent + truncation * (w - self.mean_latent)
            w_plus[:, :truncation_layers] = head[:, None]
        return w_plus

    def synthesis(self, w_plus: Tensor) -> Tensor:
        """Render an ordinary w+ (n, N, D) with the whole generator: images (n, 3, H, W)."""
        return self._split.synthesis(w_plus)

    def quick_synthesis(self, w_plus: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Render as :meth:`synthesis`, quickly; ``noise`` replaces all maps, (n or 1, 1, h, h)."""
        return self._split.quick_synthesis(w_plus, noise)

    def split(self, w_plus: Tensor) -> LatentCode:
        """Split an ordinary w+ (n, N, D) into base (n, C, s, s) and detail code (n, N - M, D).

        Rendering the result differs from :meth:`synthesis` only by the RGB of StyleGAN2's coarser
        layers, which the base code does not hold. StyleGAN1 has none, and loses nothing.

        Raises:
            ValueError: ``w_plus`` has another shape.
        """
        return replace(self.whole_code(w_plus), colours=None, coarse=None)

    def whole_code(self, w_plus: Tensor, changes: Mapping[str, Tensor] | None = None) -> LatentCode:
        """Split an ordinary w+ as :meth:`split`, and keep coarse RGB and style vectors with it.

        :meth:`render` then gives the image of :meth:`synthesis`, but for rounding. ``changes`` of
        weights and noise maps, see LatentCode, are applied and kept, too.
        """
        expected = (self.num_latents, self.style_dim)
        if w_plus.ndim != 3 or tuple(w_plus.shape[1:]) != expected:
            raise ValueError(
                f'w_plus has the shape (n, {expected[0]}, {expected[1]}), but got '
                f'{tuple(w_plus.shape)}.'
            )

        def parts(styles: Tensor) -> tuple[Tensor, Tensor | None]:
            return self._split.base_code(styles), self._split.colours(styles)

        base, colours = call_changed(self.generator, changes or {}, parts, w_plus)
        coarse, detail = w_plus.tensor_split([self.first_detail], 1)
        return replace(self.code(base, detail, colours, changes), coarse=coarse)

    def code(
        self,
        base: Tensor,
        detail: Tensor,
        colours: Tensor | None = None,
        changes: Mapping[str, Tensor] | None = None,
    ) -> LatentCode:
        """Bundle the parts of a code with this generator's fingerprint, see LatentCode."""
        own = self.fingerprint, self.channel_order
        return LatentCode(base, detail, *own, colours, changes or {})

    def check_code(self, code: LatentCode, name: str = 'The latent code') -> None:
        """Check that a code, which messages call ``name``, belongs to this generator.

        Raises:
            ValueError: It was made with another generator, channel order or base size.
        """
        remedy = 'use the config it was made with.'
        if code.fingerprint and code.fingerprint != self.fingerprint:
            raise ValueError(
                f'{name} was made with another generator (fingerprint {code.fingerprint[:12]}…, '
                f'this one is {self.fingerprint[:12]}…): {remedy}'
            )
        if code.channel_order != self.channel_order:
            raise ValueError(
                f'{name} was made with channel_order={code.channel_order!r}, but this generator is '
                f'configured with {self.channel_order!r}: {remedy}'
            )
        expected = (self.base_shape, (self.num_detail, self.style_dim))
        given = (tuple(code.base.shape[1:]), tuple(code.detail.shape[1:]))
        if given != expected:
            raise ValueError(
                f'{name} has base and detail shapes {given}, but this generator takes {expected}: '
                f'{remedy}'
            )
        if code.colours is not None and not self._split.has_colours:
            raise ValueError(f'{name} carries colours, which this generator does not have.')
        if code.coarse is not None and code.coarse.shape[1] != self.first_detail:
            raise ValueError(
                f'{name} has {code.coarse.shape[1]} coarse style vectors, but this generator has '
                f'{self.first_detail}: {remedy}'
            )
        check_changes(self.generator, code.changes, name)

    def forward(self, base: Tensor, detail: Tensor, colours: Tensor | None = None) -> Tensor:
        """Render images from base and detail codes: ``I = G(f, w_M+)``.

        Args:
            base (Tensor): Base code f of shape (n, C, s, s).
            detail (Tensor): Detail code w_M+ of shape (n, N - M, D).
            colours (Tensor | None): RGB of coarser layers, see LatentCode. Defaults to None, as in
                the paper.

        Returns:
            Tensor: Images (n, 3, H, W), about [-1, 1], in the generator's channel order.
        """
        return self._split.render(base, detail, *([] if colours is None else [colours]))

    def render(self, code: LatentCode) -> Tensor:
        """Render n codes on this generator's device, with their colours, weights and noise maps."""
        parts = code.base, code.detail, code.colours
        return call_changed(self.generator, code.changes, lambda *p: (self(*p),), *parts)[0]

    def to_rgb(self, images: Tensor) -> Tensor:
        """Convert images between the generator's channel order and RGB, in either direction."""
        return images.flip(1) if self.channel_order == 'bgr' else images
