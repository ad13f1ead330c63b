# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Training of the base-code encoder on images that the generator makes itself."""

from __future__ import annotations

from collections.abc import Callable

import torch
from mmengine.model import BaseModel
from mmgen.registry import MODELS, MODULES
from mmgen.structures import GenDataSample
from torch import Tensor, nn

from ..geometry import RandomTransform, Transform, transform_base, transform_image
from ..utils.numbers import checked_number
from .acceleration.allocator import keep_memory
from .frozen import HoldsFrozen
from .losses.building import checked_losses
from .losses.latent import base_code_distance, follow_generator
from .parts import build_part

__all__ = ['BaseCodeEncoderTrainer']


@MODELS.register_module()
class BaseCodeEncoderTrainer(HoldsFrozen, BaseModel):
    """Train ``E`` so that ``G(E(I), w_M+)`` gives ``I`` back (paper, section 3.3).

    Images come from the generator: a seed gives z, z gives w, w+ and the image I. No data set is
    needed. Checkpoints hold the encoder alone.

    With ``moves``, which the paper does not have, a share of the images is moved, by a motion that
    follows from the seed too: ``G(E(T(I)), w_M+)`` is to give ``T(I)`` back, so the encoder learns
    the base codes of out-of-range images from pairs of which the detail code is known.

    With ``swapped_share``, which the paper does not have either, ``G(E(I), w'_M+)`` is to give what
    the generator makes of the first styles of ``I`` and the detail code ``w'_M+`` of another image.
    What the detail code decides then has no place in the base code, where no edit would reach it.

    A loss on base codes, which the paper does not have either, compares ``E(T(I))`` with the
    equally moved base code ``T(f)`` of the image. Without one the encoder is free to draw with base
    codes that no style vector makes, and no edit of the detail code reaches what they draw.

    Args:
        generator (dict | BaseDetailGenerator): The frozen generator, or its config.
        encoder (dict | BaseCodeEncoder): The encoder to train, or its config.
        losses (dict[str, dict | nn.Module | None] | None): Losses on images, or on base codes, by
            name, or their configs. Defaults to the paper's: pixel MSE, and LPIPS with weight 10.
        truncation (float): ψ of the training images. Defaults to 0.7.
        truncation_layers (int): Layers that ψ is applied to. Defaults to 8.
        moves (dict | RandomTransform | None): Random motions, or their config, whose type is
            ``RandomTransform`` unless it says otherwise. Defaults to None, which moves nothing.
        moved_share (float): Share of the images that are moved. Defaults to 0.5.
        swapped_share (float): Share of each batch that is rendered with the detail code of another
            of its images, and compared with the image of both. Defaults to 0.0.
        data_preprocessor (dict | None): mmengine's argument. Defaults to None.

    Raises:
        ValueError: If encoder and generator do not fit, a loss compares detail codes, or a
            share is not between 0 and 1.
    """

    def __init__(
        self,
        generator: dict | nn.Module,
        encoder: dict | nn.Module,
        losses: dict[str, dict] | None = None,
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
        self.losses = nn.ModuleDict(
            {
                k: build_part(f'losses.{k}', v, has='compares')
                for k, v in checked_losses(losses).items()
                if v is not None
            }
        )
        follow_generator(self.losses.values(), self.generator)
        for name, loss in self.losses.items():
            if loss.compares not in ('image', 'base'):
                raise ValueError(
                    f'Encoder training compares images and base codes, but the loss {name!r} '
                    f'({type(loss).__name__}) compares {loss.compares} codes.'
                )
        self.truncation = checked_number('truncation', truncation)
        self.truncation_layers = checked_number(
            'truncation_layers', truncation_layers, least=0, whole=True
        )
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
        """Make training images from seeds.

        Args:
            seeds (Tensor): Whole numbers of shape (n,); one seed is always the same image.

        Returns:
            tuple[Tensor, Tensor]: Truncated w+ (n, N, D), and images (n, 3, H, W) in [-1, 1] in
            the generator's channel order.
        """
        dim = self.generator.style_dim
        rng = [torch.Generator().manual_seed(seed) for seed in seeds.tolist()]
        z = torch.stack([torch.randn(dim, generator=g) for g in rng]).to(self.generator.device)
        with torch.no_grad():
            w = self.generator.mapping(z)
            w_plus = self.generator.to_w_plus(w, self.truncation, self.truncation_layers)
            return w_plus, self.generator.quick_synthesis(w_plus)

    def motions(self, seeds: Tensor) -> list[Transform | None]:
        """Return what moves the image of each seed; None where it stays."""
        if self.moves is None:
            return [None] * len(seeds)
        found = []
        for seed in seeds.tolist():
            rng = torch.Generator().manual_seed(seed)
            torch.randn(self.generator.style_dim, generator=rng)  # what the latent took
            moved = torch.rand((), generator=rng).item() < self.moved_share
            found.append(self.moves.sample(rng) if moved else None)
        return found

    @torch.no_grad()
    def swapped(self, w_plus: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        """Give the first images of a batch the detail codes of those that follow them.

        Args:
            w_plus (Tensor): Shape (n, N, D).
            images (Tensor): Their images (n, 3, H, W).

        Returns:
            tuple[Tensor, Tensor]: The same with ``swapped_share`` of the rows replaced.
        """
        count, first = round(self.swapped_share * len(w_plus)), self.generator.first_detail
        mixed = w_plus.clone()
        mixed[:count, first:] = w_plus.roll(-1, 0)[:count, first:]
        images = torch.cat([self.generator.quick_synthesis(mixed[:count]), images[count:]])
        return mixed, images

    def train_step(self, data, optim_wrapper) -> dict[str, Tensor]:
        """Train for an iteration, as mmengine does; on a CPU the next one takes its memory over."""
        if self.generator.device.type == 'cpu':
            keep_memory()
        return super().train_step(data, optim_wrapper)

    def forward(self, inputs: Tensor, data_samples=None, mode: str = 'tensor'):
        """Reconstruct the images of some seeds.

        Args:
            inputs (Tensor): Seeds of shape (n,).
            data_samples (list | None): Unused; mmengine passes it.
            mode (str): 'loss' gives weighted losses by name, 'predict' a list of GenDataSample with
                ``target`` and ``reconstruction`` (RGB, (3, H, W)) and ``base_distance``, 'tensor'
                the reconstructions (n, 3, H, W) in the generator's channel order.
        """
        seeds = torch.as_tensor(inputs)
        w_plus, images = self.sample(seeds)
        motions = self.motions(seeds)
        target = self.generator.to_rgb(_moved(images, motions, transform_image))
        base = self.encoder(target)
        if mode == 'loss' and self.swapped_share:
            w_plus, images = self.swapped(w_plus, images)
            target = self.generator.to_rgb(_moved(images, motions, transform_image))
        output = self.generator(base, w_plus[:, self.generator.first_detail :])
        if mode == 'tensor':
            return output
        rgb = self.generator.to_rgb(output)
        seen = {'image': (rgb, target)}
        if mode == 'predict' or any(v.compares == 'base' for v in self.losses.values()):
            true_base = _moved(self.generator.split(w_plus).base, motions, transform_base)
            seen['base'] = (base, true_base)
        if mode == 'loss':
            return {f'loss_{k}': _term(v, *seen[v.compares]) for k, v in self.losses.items()}
        if mode == 'predict':
            distance = base_code_distance(
                base, true_base, normalized=self.generator.normalizes_base
            )
            return [
                GenDataSample(target=t, reconstruction=r, base_distance=d)
                for t, r, d in zip(target, rgb, distance)
            ]
        raise ValueError(f"mode is 'loss', 'predict' or 'tensor', but got {mode!r}.")


def _term(loss: nn.Module, value: Tensor, reference: Tensor) -> Tensor:
    return loss.loss_weight * loss(value, loss.prepare(reference)).mean()


def _moved(maps: Tensor, motions: list[Transform | None], move: Callable) -> Tensor:
    """Move each map (n, C, h, w) by its own motion; None leaves it as it is."""
    if all(motion is None for motion in motions):
        return maps
    pairs = zip(maps.split(1), motions)
    return torch.cat([part if motion is None else move(part, motion) for part, motion in pairs])
