# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A start for a larger generator from a smaller one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ['grow']


@torch.no_grad()
def grow(generator: nn.Module, weights: dict[str, Tensor]) -> None:
    """Start a StyleGAN2 generator with the weights of a smaller or narrower one.

    Additional channels have zero outgoing weights at first, and so have the RGB layers of higher
    resolutions: the larger generator draws what the smaller one draws, enlarged.

    Args:
        generator (nn.Module): mmgen's StyleGAN2 generator, changed in place.
        weights (dict[str, Tensor]): State dict of the smaller one.
    """
    for name, parameter in generator.named_parameters():
        small = weights.get(name)
        if small is None:
            if name.startswith('to_rgbs') and name.endswith('.conv.weight_orig'):
                parameter.zero_()
            continue
        if name.endswith('.conv.weight_orig'):  # [1OIkk], divided by sqrt(I k k) when it is used
            parameter[:, :, small.shape[2] :] = 0
            small = small * (parameter.shape[2] / small.shape[2]) ** 0.5
        common = tuple(slice(min(pair)) for pair in zip(small.shape, parameter.shape))
        parameter[common] = small[common]
