# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The base/detail view of a frozen generator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from mmengine.logging import print_log
from mmgen.registry import MODULES
from torch import Tensor, nn

from ...structures import LatentCode
from ..checkpoint import load_weights
from ..derived import Derived
from .changes import call_changed, check_changes
from .checks import check_code
from .measured import fingerprint_of, mean_base, mean_latent
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
    whatever mode its parent has; so gradients are those of codes, once. Images are in the
    generator's own channel order, in [-1, 1].

    Args:
        generator (dict | nn.Module): Config of a generator, or the module.
        base_size (int): Side s of the base code: a power of two from 8 up to half the resolution.
            Defaults to 16.
        checkpoint (str | None): Path or URL of the weights: an mmgen 0.x or 1.x checkpoint or a
            bare generator file. None keeps the weights the module has, for a config random ones.
            Defaults to None.
        channel_order (str): Order of the generator's colour channels, 'bgr' for every mmgen
            generator. Defaults to 'bgr'.
        checkpointing (bool): Whether the backward pass computes feature maps again instead of
            keeping them, and an inversion gives freed memory back at once: less memory, more time.
            Defaults to False.

    Raises:
        TypeError: If the generator is of a family that cannot be split.
        ValueError: If the base size, the channel order or the checkpoint does not fit.
        FileNotFoundError: If the checkpoint is not there.
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
        self._split = split_generator(generator, base_size)
        self.checkpointing = self._split.checkpointing = checkpointing
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
    def base_shape(self) -> tuple[int, int, int]:
        """tuple[int, int, int]: Shape (C, s, s) of a base code."""
        return self._split.base_shape

    @property
    def base_size(self) -> int:
        """int: Side s of a base code."""
        return self.base_shape[-1]

    @property
    def normalizes_base(self) -> bool:
        """bool: Whether an instance normalisation follows the base code, as in StyleGAN1.

        Then mean and scale of each of its channels reach no pixel.
        """
        return self._split.normalizes_base

    @property
    def resolution(self) -> int:
        """int: Side of the images in pixels."""
        return self._split.resolution

    @property
    def style_dim(self) -> int:
        """int: Width D of a style vector."""
        return self._split.style_dim

    @property
    def num_latents(self) -> int:
        """int: Number N of style vectors of a w+."""
        return self._split.num_latents

    @property
    def first_detail(self) -> int:
        """int: Index M of the first style vector in the detail code."""
        return self._split.first_detail

    @property
    def num_detail(self) -> int:
        """int: Number N - M of style vectors in the detail code."""
        return self.num_latents - self.first_detail

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
            return fingerprint_of(self.generator)
        if name == 'mean_latent':
            return mean_latent(self)
        return mean_base(self, self._split.base_code)

    @property
    def device(self) -> torch.device:
        """torch.device: Where the weights are."""
        return next(self.generator.parameters()).device

    def mapping(self, z: Tensor) -> Tensor:
        """Map normal samples z (n, D) to style vectors w (n, D)."""
        return self._split.mapping(z)

    def to_w_plus(self, w: Tensor, truncation: float = 1.0, truncation_layers: int = 8) -> Tensor:
        """Repeat w for every layer and truncate the first layers towards the mean.

        Args:
            w (Tensor): Style vectors of shape (n, D).
            truncation (float): ψ; 1 leaves w as it is. Defaults to 1.0.
            truncation_layers (int): Layers that are truncated. Defaults to 8.

        Returns:
            Tensor: w+ of shape (n, N, D).
        """
        w_plus = w[:, None].repeat(1, self.num_latents, 1)  # [NLD]
        if truncation != 1.0:
            head = self.mean_latent + truncation * (w - self.mean_latent)
            w_plus[:, :truncation_layers] = head[:, None]
        return w_plus

    def synthesis(self, w_plus: Tensor) -> Tensor:
        """Render an ordinary w+ with the whole generator.

        Args:
            w_plus (Tensor): Shape (n, N, D).

        Returns:
            Tensor: Images (n, 3, H, W) in the generator's channel order.
        """
        return self._split.synthesis(w_plus)

    def quick_synthesis(self, w_plus: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Render as :meth:`synthesis`, quickly; ``noise`` replaces all maps, (n or 1, 1, h, h)."""
        return self._split.quick_synthesis(w_plus, noise)

    def split(self, w_plus: Tensor) -> LatentCode:
        """Split an ordinary w+ into base and detail code, and nothing else.

        Rendering the result differs from :meth:`synthesis` only by the RGB of StyleGAN2's coarser
        layers, which the base code does not hold. StyleGAN1 has none, and loses nothing.

        Args:
            w_plus (Tensor): Shape (n, N, D).

        Returns:
            LatentCode: Base code (n, C, s, s) and detail code (n, N - M, D).

        Raises:
            ValueError: If the shape is not (n, N, D).
        """
        return replace(self.whole_code(w_plus), colours=None)

    def whole_code(self, w_plus: Tensor, changes: Mapping[str, Tensor] | None = None) -> LatentCode:
        """Split an ordinary w+ as :meth:`split`, into a code that carries the coarse RGB as well.

        So :meth:`render` gives the image of :meth:`synthesis`, but for rounding; ``changes``, as a
        LatentCode has them, are made meanwhile.
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
        return self.code(base, w_plus[:, self.first_detail :], colours, changes)

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
        """Refuse a code that was made with another generator or base size.

        Args:
            code (LatentCode): The code.
            name (str): What the message calls it.

        Raises:
            ValueError: If it does not belong to this generator.
        """
        check_code(self, code, name)
        if code.colours is not None and not self._split.has_colours:
            raise ValueError(f'{name} carries colours, which this generator does not have.')
        check_changes(self.generator, code.changes, name)

    def forward(self, base: Tensor, detail: Tensor, colours: Tensor | None = None) -> Tensor:
        """Render images from base and detail codes: ``I = G(f, w_M+)``.

        Args:
            base (Tensor): Base code f of shape (n, C, s, s).
            detail (Tensor): Detail code w_M+ of shape (n, N - M, D).
            colours (Tensor | None): RGB of coarser layers, as a LatentCode may have. Defaults to
                None, the paper's way: there are none.

        Returns:
            Tensor: Images (n, 3, H, W), about [-1, 1], in the generator's channel order.
        """
        return self._split.render(base, detail, *([] if colours is None else [colours]))

    def render(self, code: LatentCode) -> Tensor:
        """Render latent codes with all that they carry: coarse colours, weights and noise maps.

        Args:
            code (LatentCode): n codes of this generator, on its device.

        Returns:
            Tensor: As of :meth:`forward`.
        """
        parts = code.base, code.detail, code.colours
        return call_changed(self.generator, code.changes, lambda *p: (self(*p),), *parts)[0]

    def to_rgb(self, images: Tensor) -> Tensor:
        """Turn images between the generator's channel order and RGB; its own inverse."""
        return images.flip(1) if self.channel_order == 'bgr' else images
