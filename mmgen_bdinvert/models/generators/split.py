# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What the splits of all generator families share."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ...utils.numbers import checked_number

__all__ = ['GeneratorSplit', 'outside_autocast', 'register_split', 'split_generator']


def outside_autocast(method):
    """Call a method with autocast off and its tensors in float32 or better.

    mmgen's modules choose their precision themselves, and fail on half-precision inputs.
    """

    @functools.wraps(method)
    def wrapped(self, first: Tensor, *more: Tensor | None) -> Tensor:
        full = [
            None if code is None else code.to(torch.promote_types(code.dtype, torch.float32))
            for code in (first, *more)
        ]
        with torch.autocast(first.device.type, enabled=False):
            return method(self, *full)

    return wrapped


class GeneratorSplit:
    """A StyleGAN generator in two parts, before and after the base code; base class.

    ``base_size`` is the side s of the base code, a power of two from 8 to half the resolution.
    """

    checkpointing = False  # whether feature maps are computed again instead of kept
    normalizes_base = False  # whether an instance normalisation follows the base code

    def __init__(self, generator: nn.Module, base_size: int):
        base_size = checked_number('base_size', base_size, whole=True)
        sizes = [2**k for k in range(3, generator.log_size)]
        if base_size not in sizes:
            raise ValueError(
                f'base_size must be one of {sizes} for a generator of {generator.out_size} '
                f'pixels, but got {base_size}.'
            )
        self.generator = generator
        self.base_shape = (generator.channels[base_size], base_size, base_size)
        self.resolution = generator.out_size
        self.style_dim = generator.style_channels
        self.num_latents = generator.num_latents
        self.first_detail = 2 * (int(math.log2(base_size)) - 2)

    def _noise(self, layer: int) -> Tensor:
        return getattr(self.generator, f'injected_noise_{layer}')

    @outside_autocast
    def mapping(self, z: Tensor) -> Tensor:
        """Map z (n, D) to w (n, D)."""
        return self.generator.style_mapping(z)

    @outside_autocast
    def synthesis(self, w_plus: Tensor, *noise: Tensor) -> Tensor:
        """Render w+ (n, N, D) in full: image (n, 3, H, W), fixed noise unless maps are given."""
        return self.generator(
            [w_plus], input_is_latent=True, injected_noise=noise or None, randomize_noise=False
        )

    def quick_synthesis(self, w_plus: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Render as :meth:`synthesis` in the fastest way there is, equal but for rounding."""
        return self.synthesis(w_plus, *(noise or ()))

    def base_code(self, w_plus: Tensor) -> Tensor:
        """Return the feature map (n, C, s, s) of w+ that the base code replaces."""
        raise NotImplementedError

    @property
    def has_colours(self) -> bool:
        """bool: Whether the family has :meth:`colours`."""
        return type(self).colours is not GeneratorSplit.colours

    def colours(self, w_plus: Tensor) -> Tensor | None:
        """Return what layers before the base code add to the image (n, 3, s / 2, s / 2), if any."""
        return None

    def render(self, base: Tensor, detail: Tensor) -> Tensor:
        """Render base (n, C, s, s) and detail code (n, N - M, D): image (n, 3, H, W).

        A family with :meth:`colours` takes them as a third argument.
        """
        raise NotImplementedError


@functools.singledispatch
def split_generator(generator: nn.Module, base_size: int) -> GeneratorSplit:
    """Split a generator with the split that is registered for its class or a base of it."""
    families = [family.__name__ for family in split_generator.registry if family is not object]
    raise TypeError(
        f'BaseDetailGenerator splits {", ".join(families)} and their subclasses, but got '
        f'{type(generator).__name__}: register_split adds a family.'
    )


def register_split(
    family: type[nn.Module],
) -> Callable[[type[GeneratorSplit]], type[GeneratorSplit]]:
    """Decorate a split's class: ``BaseDetailGenerator`` then splits this class of generators.

    Subclasses without a split of their own are split alike.
    """
    return split_generator.register(family)
