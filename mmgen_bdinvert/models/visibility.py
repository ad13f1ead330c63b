# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""How much of a detail code can be seen in the image."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ['visibility']

_BATCH = 4


def visibility(
    generator: nn.Module, statistics: nn.Module, *, samples: int = 16, probes: int = 4
) -> Tensor:
    """Measure how far images move with each whitened coordinate of the detail code.

    For random images and a random direction ``u`` of their pixels, ``(Jᵀu)²`` is on average the
    squared length of each column of the Jacobian J of the pixels by the coordinates (Hutchinson).

    Args:
        generator (BaseDetailGenerator): Renders.
        statistics (LatentStatistics): Its P-norm+ space.
        samples (int): Images, from a fixed seed, a multiple of 4. Defaults to 16.
        probes (int): Random directions for each image. Defaults to 4.

    Returns:
        Tensor: Root mean square of the lengths, (L, D), with a mean square of 1.
    """
    rng = torch.Generator().manual_seed(0)
    total = torch.zeros(generator.num_detail, generator.style_dim, device=generator.device)
    for _ in range(samples // _BATCH):
        z = torch.randn(_BATCH, generator.style_dim, generator=rng).to(generator.device)
        with torch.no_grad():
            code = generator.split(generator.to_w_plus(generator.mapping(z)))
            v = statistics.whiten(code.detail)
        with torch.enable_grad():
            images = generator(code.base, statistics.unwhiten(v.requires_grad_()))  # [NCHW]
            for left in reversed(range(probes)):
                u = torch.randn(images.shape, generator=rng).to(images)
                # Not grad(images, v, u): that imports sympy, which takes seconds.
                (gradient,) = torch.autograd.grad((images * u).sum(), v, retain_graph=left > 0)
                total = total + gradient.square().sum(0)  # [NLD] -> [LD]
    return (total / total.mean()).sqrt()
