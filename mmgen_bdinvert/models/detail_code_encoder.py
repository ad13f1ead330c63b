# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The encoder that predicts a detail code from an image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmgen.registry import MODULES
from torch import Tensor, nn

from ..utils.numbers import checked_number
from .bound import BoundToGenerator, encoder_input
from .checkpoint import DETAIL_PREFIXES, load_weights

__all__ = ['DetailCodeEncoder']

_SAMPLES = 4096  # style vectors that mean and deviation are measured on


@MODULES.register_module()
class DetailCodeEncoder(BoundToGenerator):
    """Encoder of detail codes: ``w_M+ = D(I)``, whatever the place of the face in the image.

    Stages of a convolution with stride 2; mean and maximum over all places, which a motion hardly
    changes; one hidden layer; for each style vector a linear head, which says by how many standard
    deviations it differs from the mean one. Without training it gives the mean style vector.

    Mean and deviation of the generator's style vectors and its fingerprint are saved with the
    weights.

    Args:
        num_detail (int): Number L of style vectors of a detail code.
        style_dim (int): Length D of a style vector.
        input_size (int): Side that images are resized to. Defaults to 128.
        widths (Sequence[int]): Channels of the stages, each of half the side. Defaults to
            (32, 64, 96, 128, 128).
        features (int): Width of the hidden layer. Defaults to 256.
        checkpoint (str | None): Path or URL of the weights: a checkpoint of
            :class:`JointEncoderTrainer` or a bare encoder file. Defaults to None.

    Raises:
        ValueError: A number is not positive, the stages do not fit the input, or the checkpoint
            does not fit.
        FileNotFoundError: The checkpoint does not exist.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        num_detail: int,
        style_dim: int,
        input_size: int = 128,
        widths: Sequence[int] = (32, 64, 96, 128, 128),
        features: int = 256,
        checkpoint: str | None = None,
    ):
        super().__init__()
        numbers = dict(num_detail=num_detail, style_dim=style_dim, features=features)
        for name, number in numbers.items():
            checked_number(name, number, least=1, whole=True)
        widths = [checked_number('a width', width, least=1, whole=True) for width in widths]
        least = 2 ** len(widths)
        self.input_size = checked_number('input_size', input_size, least=least, whole=True)
        self.num_detail, self.style_dim = num_detail, style_dim
        layers: list[nn.Module] = []
        for inputs, width in zip((3, *widths), widths):
            layers += [nn.Conv2d(inputs, width, 3, stride=2, padding=1), nn.BatchNorm2d(width)]
            layers.append(nn.LeakyReLU(0.2, inplace=True))
        self.stages = nn.Sequential(*layers)
        pooled = 2 * (widths[-1] if widths else 3)
        self.hidden = nn.Sequential(nn.Linear(pooled, features), nn.LeakyReLU(0.2))
        self.heads = nn.Linear(features, num_detail * style_dim)
        nn.init.zeros_(self.heads.weight)
        nn.init.zeros_(self.heads.bias)
        self.register_buffer('mean', torch.zeros(style_dim))
        self.register_buffer('deviation', torch.ones(style_dim))
        if checkpoint is not None:
            load_weights(self, checkpoint, prefixes=DETAIL_PREFIXES, what='detail encoder')

    @torch.no_grad()
    def adapt(self, generator: nn.Module) -> None:
        """Record mean and deviation of a BaseDetailGenerator's style vectors, and bind to it."""
        self.check_generator(generator)
        rng = torch.Generator().manual_seed(0)
        z = torch.randn(_SAMPLES, generator.style_dim, generator=rng).to(generator.device)
        self.mean.copy_(generator.mean_latent)
        self.deviation.copy_(generator.mapping(z).std(0))
        self.bind(generator.fingerprint)

    def check_generator(self, generator: nn.Module) -> None:
        """Check that this encoder was trained for a BaseDetailGenerator.

        Raises:
            ValueError: The shape of the detail code or the fingerprint differs.
        """
        own = (self.num_detail, self.style_dim)
        wanted = (generator.num_detail, generator.style_dim)
        if own != wanted:
            raise ValueError(
                f'The detail encoder gives codes of shape {own}, but the generator takes {wanted}: '
                f'set num_detail and style_dim to match, and use an encoder trained for them.'
            )
        self.check_fingerprint(generator)

    def forward(self, images: Tensor) -> Tensor:
        """Predict detail codes (n, L, D) of RGB images (n, 3, H, W) in [-1, 1] of any size.

        They are in float32 or better, under autocast too.
        """
        places = self.stages(encoder_input(images, self.input_size))  # [NCHW]
        steps = self.heads(self.hidden(torch.cat([places.mean((2, 3)), places.amax((2, 3))], 1)))
        steps = steps.to(torch.promote_types(steps.dtype, torch.float32))
        return self.mean + self.deviation * steps.unflatten(1, (self.num_detail, -1))  # [NLD]
