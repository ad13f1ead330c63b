# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Adam and AdamW that take whole numbers as ``betas``.

Cause: torch >= 2.6 refuses ``betas=(0, 0.99)``, an int beside a float, which is what mmgen's own
StyleGAN configs say, so no existing config could be trained.
The wrappers are in mmgen's registry, which is searched before mmengine's when the default scope
is mmgen; torch and mmengine are not changed.
May be deleted: when torch accepts whole numbers again, or mmgen's configs hold floats.
"""

from __future__ import annotations

import functools

import torch


def _with_float_betas(optimizer_class):
    @functools.wraps(optimizer_class, updated=())
    def build(params, **settings):
        if 'betas' in settings:
            # A pair of tensors is kept: torch accepts it.
            settings['betas'] = tuple(
                float(beta) if isinstance(beta, int) else beta for beta in settings['betas']
            )
        return optimizer_class(params, **settings)

    return build


def install() -> None:
    """Register both optimisers in mmgen's registry; do nothing where it has its own."""
    from mmgen.registry import OPTIMIZERS  # importable only once mmcv.ops is there

    for optimizer_class in (torch.optim.Adam, torch.optim.AdamW):
        name = optimizer_class.__name__
        if name not in OPTIMIZERS.module_dict:
            OPTIMIZERS.register_module(name=name, module=_with_float_betas(optimizer_class))
