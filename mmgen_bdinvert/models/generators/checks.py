# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Whether a code belongs to a generator."""

from __future__ import annotations

from torch import nn

from ...structures import LatentCode

__all__ = ['check_code']


def check_code(generator: nn.Module, code: LatentCode, name: str) -> None:
    """Refuse base and detail codes of another generator, channel order or base size."""
    if code.fingerprint and code.fingerprint != generator.fingerprint:
        raise ValueError(
            f'{name} was made with another generator (fingerprint {code.fingerprint[:12]}…, '
            f'this one is {generator.fingerprint[:12]}…): use the config it was made with.'
        )
    if code.channel_order != generator.channel_order:
        raise ValueError(
            f'{name} was made with channel_order={code.channel_order!r}, but this generator is '
            f'configured with {generator.channel_order!r}: use the config it was made with.'
        )
    expected = (generator.base_shape, (generator.num_detail, generator.style_dim))
    given = (tuple(code.base.shape[1:]), tuple(code.detail.shape[1:]))
    if given != expected:
        raise ValueError(
            f'{name} has base and detail shapes {given}, but this generator takes {expected}: '
            f'use the config it was made with.'
        )
    if code.coarse is not None and code.coarse.shape[1] != generator.first_detail:
        raise ValueError(
            f'{name} has {code.coarse.shape[1]} coarse style vectors, but this generator has '
            f'{generator.first_detail}: use the config it was made with.'
        )
