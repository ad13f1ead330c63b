# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The encoder that predicts a base code from an image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmgen.registry import MODULES
from torch import Tensor, nn

from ..utils.numbers import checked_number
from .bound import BoundToGenerator, encoder_input
from .checkpoint import ENCODER_PREFIXES, load_weights

__all__ = ['BaseCodeEncoder']


def _conv(inputs: int, outputs: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(0.2, inplace=True),
    ]


@MODULES.register_module()
class BaseCodeEncoder(BoundToGenerator):
    """Encoder ``E`` of 11 convolutions and 3 poolings: ``f0 = E(I)`` (paper, section 3.3).

    The buffers ``generator_fingerprint`` and ``trained_base_size`` are saved with the weights:
    :meth:`check_generator` compares them with the generator in use.

    Args:
        base_channels (int): Channels C of the base code.
        base_size (int): Side s of the base code; images are resized to 8s. Defaults to 16.
        widths (Sequence[int]): Channels of the three blocks. Defaults to (128, 256, 512).
        checkpoint (str | None): Path or URL of the weights: a checkpoint of
            :class:`BaseCodeEncoderTrainer` or a bare encoder file. Defaults to None.

    Raises:
        ValueError: A number is not positive, or the checkpoint does not fit.
        FileNotFoundError: The checkpoint does not exist.
    """

    def __init__(
        self,
        base_channels: int,
        base_size: int = 16,
        widths: Sequence[int] = (128, 256, 512),
        checkpoint: str | None = None,
    ):
        super().__init__()
        if len(widths) != 3:
            raise ValueError(f'An encoder has three widths, but got {tuple(widths)}.')
        widths = [checked_number('a width', width, least=1, whole=True) for width in widths]
        base_channels = checked_number('base_channels', base_channels, least=1, whole=True)
        base_size = checked_number('base_size', base_size, least=1, whole=True)
        layers, inputs = [], 3
        for width in widths:
            for _ in range(3):
                layers += _conv(inputs, width)
                inputs = width
            layers.append(nn.AvgPool2d(2))
        layers += _conv(inputs, inputs)
        layers.append(nn.Conv2d(inputs, base_channels, 3, padding=1))
        self.model = nn.Sequential(*layers)
        self.base_channels, self.base_size = base_channels, base_size
        self.register_buffer('trained_base_size', torch.tensor(base_size))
        if checkpoint is not None:
            load_weights(self, checkpoint, prefixes=ENCODER_PREFIXES, what='encoder')

    @property
    def input_size(self) -> int:
        """int: Side that images are resized to, 8s."""
        return 8 * self.base_size

    def check_generator(self, generator) -> None:
        """Check that this encoder was trained for a BaseDetailGenerator.

        Raises:
            ValueError: The shape of the base code or the fingerprint differs.
        """
        own, wanted = (self.base_channels, self.base_size, self.base_size), generator.base_shape
        if own != wanted or int(self.trained_base_size) != self.base_size:
            raise ValueError(
                f'The encoder gives base codes of shape {own} (trained for size '
                f'{int(self.trained_base_size)}), but the generator takes {wanted}: set '
                f'base_channels and base_size to match, and use an encoder trained for them.'
            )
        self.check_fingerprint(generator)

    def forward(self, images: Tensor) -> Tensor:
        """Predict base codes f0 (n, C, s, s) of RGB images (n, 3, H, W) in [-1, 1] of any size.

        They are in float32 or better, under autocast too.
        """
        base = self.model(encoder_input(images, self.input_size))
        return base.to(torch.promote_types(base.dtype, torch.float32))
