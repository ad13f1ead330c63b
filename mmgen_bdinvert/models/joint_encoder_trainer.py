# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Training of a detail-code encoder, with the base-code encoder beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from mmgen.registry import DATASETS, MODELS
from torch import Tensor, nn
from torch.utils.data import Dataset

from ..geometry import Transform, transform_base, transform_image
from ..utils.numbers import checked_number
from .derived import Derived
from .encoder_trainer import BaseCodeEncoderTrainer, moved_each, weighted
from .parts import build_losses, build_part, build_statistics
from .visibility import visibility

__all__ = ['JointEncoderTrainer']


@MODELS.register_module()
class JointEncoderTrainer(BaseCodeEncoderTrainer):
    """Train ``D``, and ``E`` with it, so that ``G(E(I), D(I))`` gives ``I`` back.

    Images come from the generator as for :class:`BaseCodeEncoderTrainer`, moved and with swapped
    detail codes: there ``G(E(I), D(I'))`` must give the generator's image of the first styles of
    ``I`` and the detail code of ``I'``. With ``photos``, a part of each batch are photos, moved
    too, which only losses on images and on the length of detail codes see, and ``D`` alone learns
    from: ``E`` would put into the base code what ``D`` does not know yet, as a mouth or an eye, and
    no edit of the detail code could change it any more.

    Losses may compare 'image', 'base' (``E(T(I))`` with ``T(f)``), 'frame' (that of ``T(I)`` with
    ``T``), 'styles' (``D(T(I))`` with the true style vectors), 'whitened' (the same in P-norm+
    space, each coordinate as far as it is visible) and 'detail' (:class:`PNormLoss`). Without a
    loss on images, nothing is reconstructed, which takes half the time: a good start for ``D``.
    Checkpoints hold both encoders.

    Args:
        generator (dict | BaseDetailGenerator): The frozen generator, or its config.
        encoder (dict | BaseCodeEncoder): The base-code encoder, or its config; with a checkpoint of
            its own training it has less to learn.
        detail_encoder (dict | DetailCodeEncoder): The detail-code encoder, or its config.
        statistics (dict | LatentStatistics): P-norm+ statistics of that generator, or their config.
        losses (dict[str, dict | nn.Module | None] | None): Losses by name, or their configs.
            Defaults to those of :meth:`config_defaults`.
        latents (int | None): Number of different images to train on: every seed shows one of them,
            with a motion of its own, and none is rendered twice. Each takes 3 · H · W bytes of the
            CPU's memory, and those of its w+. Defaults to None: every seed is an image of its own.
        tune_encoder (bool): Whether the base-code encoder learns too. Defaults to True.
        photos (dict | Dataset | None): Photos as InversionImageFolder gives them, or its config.
            Defaults to None.
        photo_share (float): Share of each batch that are photos, if there are any; one image at
            least is generated. Defaults to 0.5.
        **settings: As for :class:`BaseCodeEncoderTrainer`.

    Raises:
        ValueError: The parts do not fit each other, or a share is not between 0 and 1.
    """

    def __init__(
        self,
        generator: dict | nn.Module,
        encoder: dict | nn.Module,
        detail_encoder: dict | nn.Module,
        statistics: dict | nn.Module,
        losses: dict[str, dict] | None = None,
        *,
        latents: int | None = None,
        tune_encoder: bool = True,
        photos: dict | Dataset | None = None,
        photo_share: float = 0.5,
        **settings: Any,
    ):
        generator = build_part('generator', generator, has='channel_order')
        statistics = build_statistics(statistics, generator)
        built = build_losses(
            self.config_defaults()['losses'] if losses is None else losses,
            type(self).__name__,
            comparable=('image', 'base', 'frame', 'styles', 'whitened', 'detail'),
            statistics=statistics,
        )
        super().__init__(generator, encoder, built, **settings)
        self.hold_frozen(generator, statistics)
        self.detail_encoder = build_part('detail_encoder', detail_encoder, has='adapt')
        self.detail_encoder.adapt(generator)
        if latents is not None:
            latents = checked_number('latents', latents, least=1, whole=True)
        self.latents = latents
        self._rendered: dict[int, tuple[Tensor, Tensor]] = {}  # w+ [ND] and image [CHW] uint8
        self.tune_encoder = tune_encoder
        self.encoder.requires_grad_(tune_encoder)
        self.photos = DATASETS.build(photos) if isinstance(photos, dict) else photos
        self.photo_share = checked_number('photo_share', photo_share, least=0, most=1)
        self._visibility = Derived(lambda: visibility(self.generator, self.statistics))

    if not TYPE_CHECKING:  # the classes of mmengine are not typed

        def train(self, mode: bool = True):
            """Train both encoders, or the detail encoder alone."""
            super().train(mode)
            self.encoder.train(mode and self.tune_encoder)
            return self

    @classmethod
    def config_defaults(cls) -> dict:
        """Return what a config may leave out: the losses, of which those on images lead."""
        losses = dict(
            pixel=dict(type='PixelMSELoss', loss_weight=10.0),
            perceptual=dict(type='LPIPSLoss', loss_weight=10.0),
            base=dict(type='BaseCodeDistance', loss_weight=10.0),
            frame=dict(type='FrameDistance', loss_weight=10.0),
            styles=dict(type='StyleVectorDistance', loss_weight=1.0),
            whitened=dict(type='WhitenedCodeDistance', loss_weight=1.0),
            detail=dict(type='PNormLoss', loss_weight=0.01),
        )
        return dict(losses=losses)

    @property
    def statistics(self) -> nn.Module:
        """LatentStatistics: Statistics of the generator's style vectors."""
        return self._outside_the_tree[1]

    def visible(self, detail: Tensor) -> Tensor:
        """Whiten detail codes (n, L, D), each coordinate as far as it is visible."""
        scale = self._visibility(list(self.generator.parameters()))
        return scale.to(detail) * self.statistics.whiten(detail)

    def photos_of(self, seeds: Tensor) -> Tensor:
        """Return RGB photos (n, 3, H, W) in [-1, 1]: of each seed (n,) always the same."""
        chosen = [self.photos[i]['inputs'] for i in _picks(seeds, len(self.photos))]
        return torch.stack(chosen).to(self.generator.device).float() / 127.5 - 1

    def remembered(self, seeds: Tensor) -> tuple[Tensor, Tensor]:
        """Return w+ (n, N, D) and images as :meth:`sample` does, of ``latents`` different ones."""
        if self.latents is None:
            return self.sample(seeds)
        wanted = _picks(seeds, self.latents)
        new = [seed for seed in dict.fromkeys(wanted) if seed not in self._rendered]
        if new:
            w_plus, images = self.sample(torch.tensor(new))
            pixels = ((images.clamp(-1, 1) + 1) * 127.5).round().byte()
            self._rendered.update(zip(new, zip(w_plus.cpu().unbind(), pixels.cpu().unbind())))
        w_plus, pixels = zip(*(self._rendered[seed] for seed in wanted))
        device = self.generator.device
        return torch.stack(w_plus).to(device), torch.stack(pixels).to(device) / 127.5 - 1

    def forward(self, inputs: Tensor, data_samples=None, mode: str = 'tensor'):
        """Reconstruct the images of seeds (n,), as :class:`BaseCodeEncoderTrainer` does.

        In mode 'loss' the first ``photo_share`` of the seeds choose photos instead; modes 'predict'
        and 'tensor' show generated images only.
        """
        seeds = torch.as_tensor(inputs)
        if mode == 'loss':
            return self._losses(seeds)
        w_plus, images = self.sample(seeds)
        motions = self.motions(seeds)
        target = self.generator.to_rgb(moved_each(images, motions, transform_image))
        base = self.encoder(target)
        output = self.generator(base, self.detail_encoder(target))
        if mode == 'tensor':
            return output
        if mode != 'predict':
            raise ValueError(f"mode is 'loss', 'predict' or 'tensor', but got {mode!r}.")
        truth = moved_each(self.generator.split(w_plus).base, motions, transform_base)
        return self.predicted(target, self.generator.to_rgb(output), base, truth)

    def _losses(self, seeds: Tensor) -> dict[str, Tensor]:
        to_rgb, first = self.generator.to_rgb, self.generator.first_detail
        count = 0
        if self.photos is not None:  # one image at least is generated
            count = min(round(self.photo_share * len(seeds)), len(seeds) - 1)
        motions = self.motions(seeds)
        photos = to_rgb(self.photos_of(seeds[:count])) if count else None
        w_plus, images = self.remembered(seeds[count:])
        swaps = round(self.swapped_share * len(w_plus))

        def targets(generated: Tensor) -> Tensor:
            parts = generated if photos is None else torch.cat([photos, generated])
            return to_rgb(moved_each(parts, motions, transform_image))

        seen = targets(images)
        frames = self.detail_encoder.locate(seen)
        detail = self.detail_encoder(seen, frames)
        compared: dict[str, tuple[Tensor, Any]] = {'detail': (detail, self.statistics)}
        wanted = {loss.compares for loss in self.losses.values()}
        if 'frame' in wanted:
            compared['frame'] = frames[count:], frames_of(motions[count:]).to(frames)
        if wanted & {'image', 'base'}:
            base = self.encoder(seen)
        if 'image' in wanted:
            rendered = detail.clone()
            rendered[count : count + swaps] = detail[count:].roll(-1, 0)[:swaps]
            shown = torch.cat([base[:count].detach(), base[count:]])
            output = to_rgb(self.generator(shown, rendered))
            target = targets(self.swapped(w_plus, images)[1]) if swaps else seen
            compared['image'] = output, target
        if 'base' in wanted:
            truth = moved_each(self.generator.split(w_plus).base, motions[count:], transform_base)
            compared['base'] = base[count:], truth
        if 'styles' in wanted:
            unit = self.detail_encoder.deviation.square().mean().sqrt()
            compared['styles'] = detail[count:] / unit, w_plus[:, first:] / unit
        if 'whitened' in wanted:
            truth = self.visible(w_plus[:, first:])
            compared['whitened'] = self.visible(detail[count:]), truth
        return {f'loss_{k}': weighted(v, *compared[v.compares]) for k, v in self.losses.items()}


def _picks(seeds: Tensor, count: int) -> list[int]:
    """Choose one of ``count`` things for each seed (n,): always the same one."""
    return [int(np.random.default_rng(seed).integers(count)) for seed in seeds.tolist()]


def frames_of(motions: list[Transform | None]) -> Tensor:
    """Return the frames (n, 2, 3) of equally moved square images; None is no motion."""
    frames = [torch.eye(3) if motion is None else motion.matrix() for motion in motions]
    return torch.stack([frame[:2].float() for frame in frames])
