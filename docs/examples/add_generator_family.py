# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A family of generators of one's own, split into base and detail code."""

import torch
import torch.nn.functional as F
from mmgen.registry import MODULES
from torch import nn

from mmgen_bdinvert.models.generators import GeneratorSplit, register_split


@MODULES.register_module()
class TinyStyleGAN(nn.Module):
    """Blocks of sizes 4, 8, …: up-sample, convolve, style, convolve, style."""

    def __init__(self, out_size=32, style_channels=16, width=8):
        super().__init__()
        self.out_size, self.style_channels = out_size, style_channels
        self.log_size = out_size.bit_length() - 1
        self.num_latents = 2 * self.log_size - 2  # N: two style vectors in each block
        self.channels = {2**k: width for k in range(2, self.log_size + 1)}
        self.start = nn.Parameter(torch.randn(1, width, 2, 2))
        self.mapping = nn.Sequential(nn.Linear(style_channels, style_channels), nn.LeakyReLU(0.2))
        layers = range(self.num_latents)
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in layers)
        self.styles = nn.ModuleList(nn.Linear(style_channels, width) for _ in layers)
        self.to_rgb = nn.Conv2d(width, 3, 1)

    def layer(self, x, i):
        return self.convs[i](x if i % 2 else F.interpolate(x, scale_factor=2))

    def styled(self, x, i, w):
        return F.leaky_relu(x, 0.2) * (1 + self.styles[i](w))[..., None, None]


@register_split(TinyStyleGAN)
class TinySplit(GeneratorSplit):
    """The base code is the output of the s×s block's first layer, before its style w[M]."""

    def mapping(self, z):
        return self.generator.mapping(z)

    def base_code(self, w_plus):
        x = self.generator.start.expand(len(w_plus), -1, -1, -1)
        for i in range(self.first_detail):
            x = self.generator.styled(self.generator.layer(x, i), i, w_plus[:, i])
        return self.generator.layer(x, self.first_detail)

    def render(self, base, detail):
        x = self.generator.styled(base, self.first_detail, detail[:, 0])
        for i in range(self.first_detail + 1, self.num_latents):
            x = self.generator.layer(x, i)
            x = self.generator.styled(x, i, detail[:, i - self.first_detail])
        return self.generator.to_rgb(x)

    def synthesis(self, w_plus):
        return self.render(self.base_code(w_plus), w_plus[:, self.first_detail :])
