# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""StyleGAN1 and StyleGAN2 of mmgen with configurable widths: mmgen hard-codes 512 up to 32×32."""

from __future__ import annotations

import math

from mmgen.models.architectures.stylegan.generator_discriminator_v1 import StyleGANv1Generator
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

from ...utils.numbers import checked_number
from ..acceleration.scaled_modulation import scale_activations

__all__ = [
    'NarrowStyleGAN2Discriminator',
    'NarrowStyleGANv1Generator',
    'NarrowStyleGANv2Generator',
]


def _checked_channels(channels: dict, size: int) -> dict[int, int]:
    """Return ``channels`` with int keys, complete from 4 to ``size``."""
    size = checked_number('out_size', size, whole=True)
    if size < 8 or size & (size - 1):
        raise ValueError(f'The image size must be a power of two from 8 up, but got {size}.')
    channels = {
        int(k): checked_number(f'the width for {k}', v, whole=True) for k, v in channels.items()
    }
    wanted = [2**i for i in range(2, int(math.log2(size)) + 1)]
    missing = [s for s in wanted if channels.get(s, 0) < 1]
    if missing:
        raise ValueError(
            f'channels needs a positive width for every resolution from 4 to {size}, but got '
            f'{channels} without {missing}.'
        )
    return channels


class _NarrowChannels:
    """Mixin in front of a generator class of mmgen.

    Args:
        out_size (int): Side of the images, a power of two from 8 up.
        style_channels (int): Width of z and w.
        channels (dict[int, int]): Channels of the feature maps by resolution, 4 to ``out_size``.
            Keys may be strings, as in JSON.

    Raises:
        ValueError: If a resolution has no width or ``out_size`` is not a power of two.
    """

    def __init__(self, out_size: int, style_channels: int, channels: dict, **kwargs):
        # mmgen's constructor assigns its own table to `self.channels`; the property below keeps
        # this one. Plain attribute: nn.Module.__init__ has not run yet.
        object.__setattr__(self, '_channels', _checked_channels(channels, out_size))
        super().__init__(out_size, style_channels, **kwargs)

    @property
    def channels(self) -> dict[int, int]:
        """dict[int, int]: Channels of the feature maps by resolution."""
        return self._channels

    @channels.setter
    def channels(self, value):
        """Ignore mmgen's built-in table."""


@MODULES.register_module()
class NarrowStyleGANv1Generator(_NarrowChannels, StyleGANv1Generator):
    """mmgen's StyleGAN1 generator with ``channels`` by resolution; images are BGR, about [-1, 1].

    Parameter names, results and all other arguments are mmgen's.
    """


@MODULES.register_module()
class NarrowStyleGANv2Generator(_NarrowChannels, StyleGANv2Generator):
    """mmgen's StyleGAN2 generator with ``channels`` by resolution; images are BGR in [-1, 1].

    Parameter names, results and all other arguments are mmgen's. Modulated convolutions scale
    activations instead of weights, which is much faster for a batch.
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
        channels = _checked_channels(channels, in_size)
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
        mbstd_cfg = dict(group_size=4, channel_groups=1) if mbstd_cfg is None else mbstd_cfg
        self.mbstd_layer = ModMBStddevLayer(**mbstd_cfg)
        width = channels[4]
        self.final_conv = ConvDownLayer(width + 1, width, 3)
        self.final_linear = nn.Sequential(
            EqualLinearActModule(width * 4 * 4, width, act_cfg=dict(type='fused_bias')),
            EqualLinearActModule(width, 1),
        )
