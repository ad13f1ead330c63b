# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""StyleGAN1 with chosen widths, on mmgen's modules."""

from __future__ import annotations

from mmgen.models.architectures.stylegan.generator_discriminator_v1 import StyleGANv1Generator
from mmgen.registry import MODULES

from .narrow_channels import NarrowChannels

__all__ = ['NarrowStyleGANv1Generator']


@MODULES.register_module()
class NarrowStyleGANv1Generator(NarrowChannels, StyleGANv1Generator):
    """mmgen's StyleGAN1 generator with chosen channel widths.

    Parameter names, results and every other argument are those of mmgen's
    ``StyleGANv1Generator``. Images are BGR, about [-1, 1].

    Args:
        out_size (int): Side of the images, a power of two from 8 up.
        style_channels (int): Width of z and w.
        channels (dict[int, int]): Channels of the feature maps by resolution, 4 to ``out_size``.
            Strings are accepted as keys, since configs in JSON have no others.

    Raises:
        ValueError: If a resolution has no width or ``out_size`` is not a power of two.
    """
