# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Training of the base-code encoder on generated images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from mmengine.model import BaseModel
from mmgen.registry import MODELS, MODULES
from mmgen.structures import GenDataSample
from torch import Tensor, nn

from ..geometry import RandomTransform, Transform, transform_base, transform_image
from ..utils.numbers import checked_number
from .acceleration.allocator import keep_memory
from .frozen import HoldsFrozen
from .losses.latent import base_code_distance, follow_generator
from .parts import build_losses, build_part

__all__ = ['BaseCodeEncoderTrainer', 'moved_each', 'weighted']


@MODELS.register_module()
class BaseCodeEncoderTrainer(HoldsFrozen, BaseModel):
    """Train ``E`` so that ``G(E(I), w_M+)`` gives ``I`` back (paper, section 3.3).

    Images come from the generator: a seed gives z, w, w+ and the image I; no data set is needed.
    Checkpoints hold the encoder alone. Three options are not in the paper:

    * With ``moves``, some images are transformed, and ``G(E(T(I)), w_M+)`` must give ``T(I)``: the
      encoder learns the base codes of out-of-range images, with known detail codes.
    * With ``swapped_share``, ``G(E(I), w'_M+)`` must give the generator's image of the first styles
      of ``I`` and the detail code ``w'_M+`` of another image. So base codes learn nothing that
      detail codes determine, which an edit of the detail code could not change.
    * A loss on base codes compares ``E(T(I))`` with the transformed base code ``T(f)``. Without it,
      the encoder may use base codes that no style vector produces; what they show cannot be edited.

    Args:
        generator (dict | BaseDetailGenerator): The frozen generator, or its config.
        encoder (dict | BaseCodeEncoder): The encoder to train, or its config.
        losses (dict[str, dict | nn.Module | None] | nn.ModuleDict | None): Losses on images or base
            codes by name, or their configs. Defaults to the paper's: pixel MSE, and LPIPS with
            weight 10.
        truncation (float): ψ of the training images. Defaults to 0.7.
        truncation_layers (int): First layers, which ψ is applied to. Defaults to 8.
        moves (dict | RandomTransform | None): Random transforms, or their config; its type may be
            left out. Defaults to None.
        moved_share (float): Share of the images that are transformed. Defaults to 0.5.
        swapped_share (float): Share of each batch that gets the detail code of another of its
            images. Defaults to 0.0.
        data_preprocessor (dict | None): mmengine's argument. Defaults to None.

    Raises:
        ValueError: Encoder and generator do not fit, a loss compares detail codes, or a share is
            not between 0 and 1.
    """

    def __init__(
        self,
        generator: dict | nn.Module,
        encoder: dict | nn.Module,
        losses: dict[str, dict] | nn.ModuleDict | None = None,
        truncation: float = 0.7,
        truncation_layers: int = 8,
        moves: dict | RandomTransform | None = None,
        moved_share: float = 0.5,
        swapped_share: float = 0.0,
        data_preprocessor: dict | None = None,
    ):
        super().__init__(data_preprocessor=data_preprocessor)
        self.hold_frozen(build_part('generator', generator, has='channel_order'))
        self.encoder = build_part('encoder', encoder, has='check_generator')
        self.encoder.check_generator(self.generator)
        self.encoder.bind(self.generator.fingerprint)
        losses = self.config_defaults()['losses'] if losses is None else losses
        if not isinstance(losses, nn.ModuleDict):
            losses = build_losses(losses, type(self).__name__, comparable=('image', 'base'))
        self.losses = losses
        follow_generator(self.losses.values(), self.generator)
        self.truncation = checked_number('truncation', truncation)
        layers = checked_number('truncation_layers', truncation_layers, least=0, whole=True)
        self.truncation_layers = layers
        if isinstance(moves, dict):
            moves = MODULES.build({'type': 'RandomTransform', **moves})
        self.moves = moves
        self.moved_share = checked_number('moved_share', moved_share, least=0, most=1)
        self.swapped_share = checked_number('swapped_share', swapped_share, least=0, most=1)

    @classmethod
    def config_defaults(cls) -> dict:
        """Return what a config may leave out: the losses."""
        losses = dict(pixel=dict(type='PixelMSELoss'), perceptual=dict(type='LPIPSLoss'))
        return dict(losses=losses)

    @property
    def generator(self) -> nn.Module:
        """BaseDetailGenerator: The frozen generator, not part of the checkpoint."""
        return self.frozen

    def sample(self, seeds: Tensor) -> tuple[Tensor, Tensor]:
        """Return truncated w+ (n, N, D) and their images (n, 3, H, W) for seeds (n,).

        The same seed always gives the same image: [-1, 1], in the generator's channel order.
        """
        dim = self.generator.style_dim
        rng = [torch.Generator().manual_seed(seed) for seed in seeds.tolist()]
        z = torch.stack([torch.randn(dim, generator=g) for g in rng]).to(self.generator.device)
        with torch.no_grad():
            w = self.generator.mapping(z)
            w_plus = self.generator.to_w_plus(w, self.truncation, self.truncation_layers)
            return w_plus, self.generator.quick_synthesis(w_plus)

    def motions(self, seeds: Tensor) -> list[Transform | None]:
        """Return the transform of each seed's image, or None where it stays as it is."""
        if self.moves is None:
            return [None] * len(seeds)
        found = []
        for seed in seeds.tolist():
            rng = torch.Generator().manual_seed(seed)
            torch.randn(self.generator.style_dim, generator=rng)  # drawn by `sample`
            moved = torch.rand((), generator=rng).item() < self.moved_share
            found.append(self.moves.sample(rng) if moved else None)
        return found

    @torch.no_grad()
    def swapped(self, w_plus: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        """Give the first ``swapped_share`` of a batch the detail codes of the images after them.

        Takes and returns w+ (n, N, D) and their images (n, 3, H, W).
        """
        count, first = round(self.swapped_share * len(w_plus)), self.generator.first_detail
        mixed = w_plus.clone()
        mixed[:count, first:] = w_plus.roll(-1, 0)[:count, first:]
        images = torch.cat([self.generator.quick_synthesis(mixed[:count]), images[count:]])
        return mixed, images

    def predicted(
        self, target: Tensor, rgb: Tensor, base: Tensor, true_base: Tensor
    ) -> list[GenDataSample]:
        """Return what a metric compares, of RGB images (n, 3, H, W) and base codes."""
        normalized = self.generator.normalizes_base
        distance = base_code_distance(base, true_base, normalized=normalized)
        return [
            GenDataSample(target=t, reconstruction=r, base_distance=d)
            for t, r, d in zip(target, rgb, distance)
        ]

    def train_step(self, data, optim_wrapper) -> dict[str, Tensor]:
        """Train for one iteration; on a CPU, its memory is kept for the next one."""
        if self.generator.device.type == 'cpu':
            keep_memory()
        return super().train_step(data, optim_wrapper)

    def forward(self, inputs: Tensor, data_samples=None, mode: str = 'tensor'):
        """Reconstruct the images of seeds (n,), with mmengine's arguments.

        Mode 'loss' gives weighted losses by name; 'predict' a list of GenDataSample with ``target``
        and ``reconstruction`` (RGB, (3, H, W)) and ``base_distance``; 'tensor' reconstructions
        (n, 3, H, W) in the generator's channel order.
        """
        seeds = torch.as_tensor(inputs)
        w_plus, images = self.sample(seeds)
        motions = self.motions(seeds)
        target = self.generator.to_rgb(moved_each(images, motions, transform_image))
        base = self.encoder(target)
        if mode == 'loss' and self.swapped_share:
            w_plus, images = self.swapped(w_plus, images)
            target = self.generator.to_rgb(moved_each(images, motions, transform_image))
        output = self.generator(base, w_plus[:, self.generator.first_detail :])
        if mode == 'tensor':
            return output
        rgb = self.generator.to_rgb(output)
        seen = {'image': (rgb, target)}
        if mode == 'predict' or any(v.compares == 'base' for v in self.losses.values()):
            true_base = moved_each(self.generator.split(w_plus).base, motions, transform_base)
            seen['base'] = (base, true_base)
        if mode == 'loss':
            return {f'loss_{k}': weighted(v, *seen[v.compares]) for k, v in self.losses.items()}
        if mode == 'predict':
            return self.predicted(target, rgb, base, true_base)
        raise ValueError(f"mode is 'loss', 'predict' or 'tensor', but got {mode!r}.")


def weighted(loss: nn.Module, value: Tensor, reference: Any) -> Tensor:
    """Return the mean of a loss over a batch, times its weight."""
    return loss.loss_weight * loss(value, loss.prepare(reference)).mean()


def moved_each(maps: Tensor, motions: list[Transform | None], move: Callable) -> Tensor:
    """Transform each map of (n, C, h, w) by its own motion; None leaves it as it is."""
    if all(motion is None for motion in motions):
        return maps
    pairs = zip(maps.split(1), motions)
    return torch.cat([part if motion is None else move(part, motion) for part, motion in pairs])
