# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What is timed: a StyleGAN2 of full width with random weights, encoder, statistics and images."""

from __future__ import annotations

import mmgen_bdinvert  # noqa: F401  (first: it makes mmgen importable)

# isort: split
import copy

import torch
from mmgen.models.architectures.stylegan.generator_discriminator_v2 import StyleGANv2Generator
from torch import nn

from mmgen_bdinvert.geometry import transform_image
from mmgen_bdinvert.models import (
    BaseCodeEncoder,
    BaseDetailGenerator,
    LatentStatistics,
    LPIPSLoss,
    NarrowStyleGANv2Generator,
)
from projects.toon_faces import random_move

__all__ = ['STYLE', 'Setting']

STYLE = 512
_SAMPLES = 4096  # of the latent statistics


class Setting:
    """A generator, an encoder, statistics, a perceptual distance and images to invert.

    All weights are random, from a fixed seed; those that StyleGAN2 initialises to zero (biases,
    noise strengths) are not zero.

    Args:
        size (int): Side of the images: a power of two from 32 up.
        batch (int): Number of images.
        device (str | torch.device): Device of everything. Defaults to 'cpu'.
        width (int | None): Width of all layers and of the style vectors, for tests. Defaults to
            None: StyleGAN2's (configuration f), and 512.
        moved (bool): Whether the images are moved out of alignment. Defaults to False.
        checkpointing (bool): See :class:`BaseDetailGenerator`. Defaults to False.

    Raises:
        ValueError: The size is too small or no power of two.
    """

    def __init__(
        self,
        size: int,
        batch: int = 1,
        device: str | torch.device = 'cpu',
        width: int | None = None,
        checkpointing: bool = False,
        moved: bool = False,
    ):
        if size < 32 or size & (size - 1):
            raise ValueError(f'A size is a power of two from 32 up, but got {size}.')
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            if width is None:
                stylegan2 = StyleGANv2Generator(size, STYLE)
            else:
                widths = {2**k: width for k in range(2, size.bit_length())}
                stylegan2 = NarrowStyleGANv2Generator(size, width, widths)
            for parameter in stylegan2.parameters():
                if not parameter.any():
                    nn.init.normal_(parameter, std=0.1)
            self.generator = BaseDetailGenerator(stylegan2, checkpointing=checkpointing).to(device)
            channels = self.generator.base_shape[0]
            blocks = dict() if width is None else dict(widths=(width,) * 3)
            self.encoder = BaseCodeEncoder(channels, **blocks).to(device)
        self.detail_encoder = None  # one of random weights would predict nothing
        self.size, self.batch, self.device, self.width = size, batch, torch.device(device), width
        self.weights = dict(pixel=1, perceptual=10, base=10, detail=0.01)
        self.perceptual = LPIPSLoss(backbone='random').to(device)
        self.statistics = LatentStatistics.fit(
            self.generator.mapping,
            self.generator.style_dim,
            generator=torch.Generator().manual_seed(0),
            num_samples=_SAMPLES,
            fingerprint=self.generator.fingerprint,
            device=device,
        ).to(device)
        rng = torch.Generator().manual_seed(1)
        z = torch.randn(batch, self.generator.style_dim, generator=rng).to(device)
        with torch.no_grad():
            w_plus = self.generator.to_w_plus(self.generator.mapping(z))
            # (n, 3, H, W) in the generator's channel order
            # By mmgen's modules, which leave nothing behind: memory is measured, too.
            self.images = self.generator.synthesis(w_plus).clamp(-1, 1)
        if moved:
            moves = [random_move('combined', i) for i in range(batch)]
            pairs = zip(self.images.split(1), moves)
            self.images = torch.cat([transform_image(image, move) for image, move in pairs])

    def part(self, start: int, stop: int) -> Setting:
        """Return the same with some of the images."""
        part = copy.copy(self)
        part.images = self.images[start:stop]
        part.batch = len(part.images)
        return part
