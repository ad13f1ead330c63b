# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""StyleGAN1 as it was published, on mmgen's modules."""

from __future__ import annotations

from typing import Any

import torch
from mmgen.registry import MODULES
from torch import Tensor, nn

from .narrow_stylegan import NarrowStyleGANv1Generator

__all__ = ['OfficialStyleGANv1Generator']

_EPS = 1e-8  # of the instance normalisation


class _ChannelNoise(nn.Module):
    """Noise with a weight for each channel, and the bias of the convolution before it."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, image: Tensor, noise: Tensor | None = None, return_noise: bool = False):
        """Add noise, drawn unless it is given; return it too if asked to."""
        if noise is None:
            noise = torch.randn_like(image[:, :1])
        out = image + (self.weight * noise + self.bias).to(image.dtype)
        return (out, noise) if return_noise else out


@MODULES.register_module()
class OfficialStyleGANv1Generator(NarrowStyleGANv1Generator):
    """StyleGAN1 of Karras et al. (2019), which official weights belong to.

    mmgen's class has one noise weight for all channels, and one leaky ReLU more, before the blur;
    there are also the biases, which belong after the blur. Here all is as published. The biases
    are those of the noise injectors; those of the convolutions, which mmgen's modules have, are to
    stay zero. Images are BGR, about [-1, 1].

    Args:
        out_size (int): Side of the images, a power of two from 8 up.
        style_channels (int): Width of z and w.
        channels (dict[int, int]): Channels of the feature maps by resolution, 4 to ``out_size``.

    Raises:
        ValueError: If a resolution has no width or ``out_size`` is not a power of two.
    """

    def __init__(self, out_size: int, style_channels: int, channels: dict, **kwargs: Any):
        super().__init__(out_size, style_channels, channels, **kwargs)
        for i, block in enumerate(self.convs):
            width = self.channels[4 * 2**i]
            block.noise_injector1, block.noise_injector2 = (
                _ChannelNoise(width),
                _ChannelNoise(width),
            )
            block.adain1.norm.eps = block.adain2.norm.eps = _EPS
            if i:
                block.conv1[0].with_activation = False
