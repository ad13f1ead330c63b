# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A generator learns to draw its own images with sharper edges."""

from __future__ import annotations

import copy

import torch
from mmengine.model import BaseModel
from mmgen.registry import MODELS, MODULES
from torch import Tensor, nn
from torchvision.transforms.functional import gaussian_blur

from mmgen_bdinvert.models.acceleration.allocator import keep_memory
from mmgen_bdinvert.models.checkpoint import load_weights
from mmgen_bdinvert.models.frozen import HoldsFrozen

from .training_synthesis import mix_styles, render_below, render_last

__all__ = ['SharpeningTrainer']


@MODELS.register_module()
class SharpeningTrainer(HoldsFrozen, BaseModel):
    """Train the last resolution of a StyleGAN2 to draw what an unsharp mask makes of its images.

    Losses on pixels leave edges softer than those of the training images. The layers of the last
    resolution can mend that alone, so mapping network, base codes and encoders stay valid. For an
    image y of the generator as it was, the goal is ``y + amount · (y − blur(y))``; half of the
    images have the style vectors of two latents, as base and detail codes come from two images.

    Args:
        generator (dict | nn.Module): An mmgen StyleGAN2 generator, or its config.
        start_from (str): Its weights.
        amount (float): Of sharpening. Defaults to 0.5.
        sigma (float): Of the Gaussian blur, in pixels. Defaults to 0.8.
        crossovers (tuple[int, int]): First and last place of the crossover of mixed style vectors.
            Defaults to (2, 4), for base 8 and 16.
    """

    def __init__(
        self,
        generator: dict | nn.Module,
        start_from: str,
        amount: float = 0.5,
        sigma: float = 0.8,
        crossovers: tuple[int, int] = (2, 4),
    ):
        super().__init__()
        self.generator = MODULES.build(generator) if isinstance(generator, dict) else generator
        load_weights(self.generator, start_from, what='StyleGAN2')
        self.hold_frozen(copy.deepcopy(self.generator))
        self.generator.requires_grad_(False)
        for layer in (*self.generator.convs[-2:], self.generator.to_rgbs[-1]):
            layer.requires_grad_(True)
        self.amount, self.sigma, self.crossovers = amount, sigma, tuple(crossovers)

    def train_step(self, data, optim_wrapper) -> dict[str, Tensor]:
        """Train for one iteration; on a CPU, its memory is kept for the next one."""
        if self.generator.constant_input.input.device.type == 'cpu':
            keep_memory()
        return super().train_step(data, optim_wrapper)

    def forward(self, inputs: Tensor, data_samples=None, mode: str = 'tensor'):
        """Draw the images of seeds (n,), with mmengine's arguments.

        Mode 'loss' gives the squared error by name, and beside it which share it is of the error
        that the generator had; 'tensor' the images (n, 3, H, W), in the generator's channel order.
        """
        if mode not in ('loss', 'tensor'):
            raise ValueError(f"mode is 'loss' or 'tensor', but got {mode!r}.")
        with torch.no_grad():
            styles = self.styles(torch.as_tensor(inputs))
            below = render_below(self.generator, styles)
        drawn = render_last(self.generator, *below, styles)
        if mode == 'tensor':
            return drawn
        with torch.no_grad():
            before = render_last(self.frozen, *below, styles)
            goal = self.sharpened(before)
            first = (before - goal).square().mean()
        loss = (drawn - goal).square().mean()
        return {'loss_square': loss, 'left': loss.detach() / first}

    def sharpened(self, images: Tensor) -> Tensor:
        """Apply the unsharp mask to images (n, C, H, W)."""
        blurred = gaussian_blur(images, 2 * round(4 * self.sigma) + 3, self.sigma)
        return images + self.amount * (images - blurred)

    def styles(self, seeds: Tensor) -> Tensor:
        """Draw w+ (n, N, D) for seeds (n,); the same seed always gives the same."""
        z, crossovers = [], []
        for seed in seeds.tolist():
            rng = torch.Generator().manual_seed(seed)
            z.append(torch.randn(2, self.generator.style_channels, generator=rng))
            low, high = self.crossovers if torch.rand((), generator=rng) < 0.5 else (0, 0)
            crossovers.append(torch.randint(low, high + 1, (1,), generator=rng))
        z = torch.cat(z).to(self.generator.constant_input.input)  # [2NZ]
        before, after = self.generator.style_mapping(z).unflatten(0, (-1, 2)).unbind(1)  # [nD]
        return mix_styles(before, after, torch.stack(crossovers), self.generator.num_latents)
