# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Training of a detail-code encoder, with the base-code encoder beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from mmgen.registry import DATASETS, MODELS
from torch import Tensor, nn
from torch.utils.data import Dataset

from ..geometry import transform_base, transform_image
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

    Losses may compare 'image', 'base' (``E(T(I))`` with ``T(f)``), 'whitened' (``D(T(I))`` with the
    true detail code in P-norm+ space, each coordinate as far as it is visible) and 'detail'
    (:class:`PNormLoss`). Checkpoints hold both encoders.

    Args:
        generator (dict | BaseDetailGenerator): The frozen generator, or its config.
        encoder (dict | BaseCodeEncoder): The base-code encoder, or its config; with a checkpoint of
            its own training it has less to learn.
        detail_encoder (dict | DetailCodeEncoder): The detail-code encoder, or its config.
        statistics (dict | LatentStatistics): P-norm+ statistics of that generator, or their config.
        losses (dict[str, dict | nn.Module | None] | None): Losses by name, or their configs.
            Defaults to those of :meth:`config_defaults`.
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
            comparable=('image', 'base', 'whitened', 'detail'),
            statistics=statistics,
        )
        super().__init__(generator, encoder, built, **settings)
        self.hold_frozen(generator, statistics)
        self.detail_encoder = build_part('detail_encoder', detail_encoder, has='adapt')
        self.detail_encoder.adapt(generator)
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
            whitened=dict(type='WhitenedCodeDistance', loss_weight=0.2),
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
        chosen = [self.photos[seed % len(self.photos)]['inputs'] for seed in seeds.tolist()]
        return torch.stack(chosen).to(self.generator.device).float() / 127.5 - 1

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
        w_plus, images = self.sample(seeds[count:])
        swaps = round(self.swapped_share * len(w_plus))

        def targets(generated: Tensor) -> Tensor:
            parts = generated if photos is None else torch.cat([photos, generated])
            return to_rgb(moved_each(parts, motions, transform_image))

        seen = targets(images)
        base, detail = self.encoder(seen), self.detail_encoder(seen)
        rendered = detail.clone()
        rendered[count : count + swaps] = detail[count:].roll(-1, 0)[:swaps]
        shown = torch.cat([base[:count].detach(), base[count:]])
        output = to_rgb(self.generator(shown, rendered))
        compared: dict[str, tuple[Tensor, Any]] = {
            'image': (output, targets(self.swapped(w_plus, images)[1]) if swaps else seen),
            'detail': (detail, self.statistics),
        }
        wanted = {loss.compares for loss in self.losses.values()}
        if 'base' in wanted:
            truth = moved_each(self.generator.split(w_plus).base, motions[count:], transform_base)
            compared['base'] = base[count:], truth
        if 'whitened' in wanted:
            truth = self.visible(w_plus[:, first:])
            compared['whitened'] = self.visible(detail[count:]), truth
        return {f'loss_{k}': weighted(v, *compared[v.compares]) for k, v in self.losses.items()}
