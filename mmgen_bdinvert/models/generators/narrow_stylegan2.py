# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""StyleGAN2 with chosen widths, on mmgen's modules."""

from __future__ import annotations

import math

from mmgen.models.architectures.stylegan.generator_discriminator_v2 import (
    StyleGAN2Discriminator,
    StyleGANv2Generator,
)
from mmgen.models.architectures.stylegan.modules.styleganv2_modules import (
    ConvDownLayer,
    EqualLinearActModule,
    ModMBStddevLayer,
    ResBlock,
)
from mmgen.registry import MODULES
from torch import nn

from ..acceleration.scaled_modulation import scale_activations
from .narrow_channels import NarrowChannels, check_channels

__all__ = ['NarrowStyleGAN2Discriminator', 'NarrowStyleGANv2Generator']


@MODULES.register_module()
class NarrowStyleGANv2Generator(NarrowChannels, StyleGANv2Generator):
    """mmgen's StyleGAN2 generator with chosen channel widths.

    Parameter names, results and every other argument are those of mmgen's
    ``StyleGANv2Generator``; the modulated convolutions scale activations, which is much faster for
    a batch. Images are BGR in [-1, 1].

    Args:
        out_size (int): Side of the images, a power of two from 8 up.
        style_channels (int): Width of z and w.
        channels (dict[int, int]): Channels of the feature maps by resolution, 4 to ``out_size``.
            Strings are accepted as keys, since configs in JSON have no others.

    Raises:
        ValueError: If a resolution has no width or ``out_size`` is not a power of two.
    """

    def __init__(self, out_size: int, style_channels: int, channels: dict, **kwargs):
        super().__init__(out_size, style_channels, channels, **kwargs)
        scale_activations(self)


@MODULES.register_module()
class NarrowStyleGAN2Discriminator(StyleGAN2Discriminator):
    """mmgen's StyleGAN2 discriminator with chosen channel widths.

    Args:
        in_size (int): Side of the images, a power of two from 8 up.
        channels (dict[int, int]): Channels of the feature maps by resolution, 4 to ``in_size``.
        blur_kernel (Sequence[int]): FIR kernel before down-sampling. Defaults to (1, 3, 3, 1).
        mbstd_cfg (dict | None): Arguments of the minibatch standard deviation layer.
            Defaults to ``dict(group_size=4, channel_groups=1)``.

    Raises:
        ValueError: If a resolution has no width or ``in_size`` is not a power of two.
    """

    def __init__(
        self, in_size: int, channels: dict, blur_kernel=(1, 3, 3, 1), mbstd_cfg: dict | None = None
    ):
        nn.Module.__init__(self)
        channels = check_channels(channels, in_size)
        blur_kernel = list(blur_kernel)
        self.channels = channels
        # What StyleGAN2Discriminator.forward reads:
        self.num_fp16_scale = 0
        self.fp16_enabled = False
        self.convert_input_fp32 = self.out_fp32 = True
        self.input_bgr2rgb = False

        sizes = [2**i for i in range(int(math.log2(in_size)), 1, -1)]  # in_size … 4
        self.convs = nn.Sequential(
            ConvDownLayer(3, channels[in_size], 1),
            *(
                ResBlock(channels[big], channels[small], blur_kernel)
                for big, small in zip(sizes[:-1], sizes[1:])
            ),
        )
        width = channels[4]
        self.mbstd_layer = ModMBStddevLayer(
            **(dict(group_size=4, channel_groups=1) if mbstd_cfg is None else mbstd_cfg)
        )
        self.final_conv = ConvDownLayer(width + 1, width, 3)
        self.final_linear = nn.Sequential(
            EqualLinearActModule(width * 4 * 4, width, act_cfg=dict(type='fused_bias')),
            EqualLinearActModule(width, 1),
        )
