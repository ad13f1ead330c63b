# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Generators as configs of mmagic describe them, in mmgen's words."""

from __future__ import annotations

from typing import Any

__all__ = ['to_mmgen']

_NAMES = {
    'StyleGAN1Generator': 'StyleGANv1Generator',
    'StyleGAN2Generator': 'StyleGANv2Generator',
}
# The stored mean w is measured anew, and all generators emit BGR here.
_UNUSED = (
    'update_mean_latent_with_ema',
    'w_avg_beta',
    'bgr2rgb',
    'cond_size',
    'cond_mapping_channels',
)


def to_mmgen(value: Any) -> None:
    """Rename the generators in a config, in place, and leave out what mmgen's do not take.

    Raises:
        ValueError: A generator takes labels.
    """
    if not isinstance(value, dict):
        for item in value if isinstance(value, (list, tuple)) else ():
            to_mmgen(item)
        return
    kind = value.get('type')
    if isinstance(kind, str):
        scope, _, name = kind.rpartition('.')
        name = _NAMES.get(name, name)
        if scope in ('', 'mmagic', 'mmedit') and name in _NAMES.values():
            _adopt(value, name)
    for item in value.values():
        to_mmgen(item)


def _adopt(generator: dict, name: str) -> None:
    generator['type'] = name
    if (generator.get('cond_size') or 0) > 0:
        raise ValueError(
            f'A generator that takes labels cannot be inverted into, but the config has a {name} '
            f'with cond_size={generator["cond_size"]}.'
        )
    plain = dict(out_channels=3, norm_eps=1e-6, noise_size=generator.get('style_channels'))
    for key in _UNUSED:
        generator.pop(key, None)
    for key, usual in plain.items():
        if key in generator and generator[key] in (usual, None):
            del generator[key]
