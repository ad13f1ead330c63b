# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What the splits of all generator families share."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ...utils.numbers import checked_number

__all__ = [
    'GeneratorSplit',
    'outside_autocast',
    'register_split',
    'split_generator',
]


def outside_autocast(method):
    """Let mmgen's modules choose their own precision, on inputs in float32 or better.

    They switch autocast off inside, and would meet the half-precision inputs that it left outside.
    """

    @functools.wraps(method)
    def wrapped(self, *codes: Tensor) -> Tensor:
        full = [code.to(torch.promote_types(code.dtype, torch.float32)) for code in codes]
        with torch.autocast(full[0].device.type, enabled=False):
            return method(self, *full)

    return wrapped


class GeneratorSplit:
    """The two halves of a StyleGAN generator; base class."""

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
        """Render as :meth:`synthesis` does but for rounding, in the fastest way there is."""
        return self.synthesis(w_plus, *(noise or ()))

    def base_code(self, w_plus: Tensor) -> Tensor:
        """Return the feature map (n, C, s, s) of w+ that the base code stands in for."""
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

        Of a family that has :meth:`colours` it takes them as a third argument.
        """
        raise NotImplementedError


_FAMILIES: dict[type[nn.Module], type[GeneratorSplit]] = {}


def register_split(
    family: type[nn.Module],
) -> Callable[[type[GeneratorSplit]], type[GeneratorSplit]]:
    """Let ``BaseDetailGenerator`` split a family of generators; decorates a split's class."""

    def register(split: type[GeneratorSplit]) -> type[GeneratorSplit]:
        _FAMILIES[family] = split
        return split

    return register


def split_generator(generator: nn.Module, base_size: int) -> GeneratorSplit:
    """Split a generator in the way of its family."""
    for family in type(generator).__mro__:
        if family in _FAMILIES:
            return _FAMILIES[family](generator, base_size)
    raise TypeError(
        f'BaseDetailGenerator splits {", ".join(f.__name__ for f in _FAMILIES)} and their '
        f'subclasses, but got {type(generator).__name__}: register_split adds a family.'
    )
