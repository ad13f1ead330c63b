# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The encoder that predicts a detail code from an image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmgen.registry import MODULES
from torch import Tensor, nn

from ..utils.numbers import checked_number
from .bound import BoundToGenerator, encoder_input
from .checkpoint import DETAIL_PREFIXES, load_weights

__all__ = ['DetailCodeEncoder']

_SAMPLES = 4096  # style vectors that mean and deviation are measured on


def _stages(widths: Sequence[int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for inputs, width in zip((3, *widths), widths):
        layers += [nn.Conv2d(inputs, width, 3, stride=2, padding=1), nn.BatchNorm2d(width)]
        layers.append(nn.LeakyReLU(0.2, inplace=True))
    return layers


def _hidden(inputs: int, features: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, features), nn.LeakyReLU(0.2))


@MODULES.register_module()
class DetailCodeEncoder(BoundToGenerator):
    """Encoder of detail codes: ``w_M+ = D(I)``, wherever the face lies in the image.

    It straightens first, as a spatial transformer does (arXiv 1506.02025): stages of a convolution
    with stride 2 find the similarity that puts the generator's frame into the image, and the image
    is resampled in that frame. There, where an eye always is in about the same place, further
    stages, twice as wide, one hidden layer, and for each style vector a linear head say by how many
    standard deviations it differs from the mean one. Without training, the frame is the whole image
    and the code is the mean style vector.

    Mean and deviation of the generator's style vectors and its fingerprint are saved with the
    weights.

    Args:
        num_detail (int): Number L of style vectors of a detail code.
        style_dim (int): Length D of a style vector.
        input_size (int): Side that images are resized to. Defaults to 128.
        widths (Sequence[int]): Channels of the stages that read the straightened image, each of
            half the side; those that find the frame have half as many. Defaults to
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
        side = -(-self.input_size // least)
        narrow = [max(width // 2, 1) for width in widths]
        self.locator = nn.Sequential(*_stages(narrow), nn.Flatten())
        self.placing = _hidden((narrow or [3])[-1] * side**2, features)
        self.placing.append(nn.Linear(features, 4))
        nn.init.zeros_(self.placing[-1].weight)
        nn.init.zeros_(self.placing[-1].bias)
        self.stages = nn.Sequential(*_stages(widths), nn.Flatten())
        self.hidden = _hidden((widths or [3])[-1] * side**2, features)
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

    def locate(self, images: Tensor) -> Tensor:
        """Find the generator's frame in RGB images (n, 3, H, W) in [-1, 1] of any size.

        Returns:
            Tensor: Similarities (n, 2, 3), in float32 or better: from the normalised coordinates of
            an aligned face to those of the image (see :mod:`mmgen_bdinvert.geometry.transform`).
        """
        found = self.placing(self.locator(encoder_input(images, self.input_size)))
        found = found.to(torch.promote_types(found.dtype, torch.float32))
        a, b, x, y = (found + found.new_tensor([1.0, 0.0, 0.0, 0.0])).unbind(1)
        return torch.stack([a, -b, x, b, a, y], 1).unflatten(1, (2, 3))

    def forward(self, images: Tensor, frames: Tensor | None = None) -> Tensor:
        """Predict detail codes (n, L, D) of RGB images (n, 3, H, W) in [-1, 1] of any size.

        ``frames`` (n, 2, 3) are those of :meth:`locate`, which it calls where they are not given.
        Codes are in float32 or better, under autocast too.
        """
        seen = encoder_input(images, self.input_size)
        frames = self.locate(seen) if frames is None else frames
        with torch.autocast(seen.device.type, enabled=False):  # bfloat16 is too coarse for places
            grid = F.affine_grid(frames, seen.shape, align_corners=False)  # [NHW2]
            straight = F.grid_sample(seen.to(grid), grid, align_corners=False)
        straight = encoder_input(straight.to(images.dtype), self.input_size)
        steps = self.heads(self.hidden(self.stages(straight)))
        steps = steps.to(torch.promote_types(steps.dtype, torch.float32))
        return self.mean + self.deviation * steps.unflatten(1, (self.num_detail, -1))  # [NLD]
