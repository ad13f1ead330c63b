# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Training of a generator on labelled drawings."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModel, ImgDataPreprocessor
from mmgen.models.losses.gen_auxiliary_loss import gen_path_regularizer
from mmgen.registry import MODELS
from mmgen.structures import GenDataSample
from torch import Tensor, nn

from mmgen_bdinvert.models.checkpoint import GENERATOR_PREFIXES, read_state_dict, select_part
from mmgen_bdinvert.models.parts import build_part
from mmgen_bdinvert.utils.numbers import checked_number

from .labelled_latents import latents_with_labels, write_steps

__all__ = ['LabelledGeneratorTrainer', 'grow']


@torch.no_grad()
def grow(generator: nn.Module, weights: dict[str, Tensor]) -> None:
    """Start a StyleGAN2 generator with the weights of a smaller or narrower one.

    Additional channels have zero outgoing weights at first, and so have the RGB layers of higher
    resolutions: the larger generator draws what the smaller one draws, enlarged.

    Args:
        generator (nn.Module): mmgen's StyleGAN2 generator, changed in place.
        weights (dict[str, Tensor]): State dict of the smaller one.
    """
    for name, parameter in generator.named_parameters():
        small = weights.get(name)
        if small is None:
            if name.startswith('to_rgbs') and name.endswith('.conv.weight_orig'):
                parameter.zero_()
            continue
        if name.endswith('.conv.weight_orig'):  # [1OIkk], divided by sqrt(I k k) when it is used
            parameter[:, :, small.shape[2] :] = 0
            small = small * (parameter.shape[2] / small.shape[2]) ** 0.5
        common = tuple(slice(min(pair)) for pair in zip(small.shape, parameter.shape))
        parameter[common] = small[common]


@MODELS.register_module()
class LabelledGeneratorTrainer(BaseModel):
    """Train a generator to draw the face that the labels in its latent describe.

    A small generator learns a drawn domain far sooner from pairs of latents and
    drawings than from a discriminator. Its mapping network is given, see
    :func:`~projects.toon_faces.labelled_latents.write_steps`; ``lr_mult=0`` keeps it.

    Args:
        generator (dict | nn.Module): An mmgen StyleGAN2 generator, or its config.
        losses (dict[str, dict | None]): Image losses by name, of the ``MODULES`` registry; None is
            none. They see RGB images.
        choices (Sequence[int]): Number of choices of each label.
        detail_labels (Sequence[int]): Labels that the detail code is to carry, by their places in
            ``choices``. Half of the samples then take the styles before a crossover from one
            latent and those after it from another, as in StyleGAN's style mixing; the first knows
            the other labels only, the second these only. Defaults to (), which mixes nothing.
        crossovers (Sequence[int]): First and last place of the crossover: the first detail styles
            M of the base sizes that are to be used. Defaults to (2, 4), for base 8 and 16.
        grow_from (str | None): Weights of a smaller generator to start from, see
            :func:`grow`. Defaults to None.
        path_weight (float): Weight of StyleGAN2's path length regularisation. Defaults to 0.0.
        path_interval (int): Its interval in steps. Defaults to 16.
    """

    mean_path_length: Tensor

    def __init__(
        self,
        generator: dict | nn.Module,
        losses: dict[str, dict | None],
        choices: Sequence[int],
        detail_labels: Sequence[int] = (),
        crossovers: Sequence[int] = (2, 4),
        grow_from: str | None = None,
        path_weight: float = 0.0,
        path_interval: int = 16,
    ):
        super().__init__(
            data_preprocessor=ImgDataPreprocessor(
                mean=[127.5] * 3, std=[127.5] * 3, rgb_to_bgr=True
            )
        )
        self.generator = build_part('generator', generator, has='style_mapping')
        self.choices, self.detail_labels = list(choices), list(detail_labels)
        self.crossovers = tuple(crossovers)
        if grow_from is not None:
            weights, _ = select_part(read_state_dict(grow_from), GENERATOR_PREFIXES)
            grow(self.generator, weights)
        write_steps(self.generator.style_mapping, self.choices)
        self.losses = nn.ModuleDict(
            {
                k: build_part(f'losses.{k}', v, has='compares')
                for k, v in losses.items()
                if v is not None
            }
        )
        self.path_weight = checked_number('path_weight', path_weight, least=0)
        self.path_interval = checked_number('path_interval', path_interval, least=1, whole=True)
        self.register_buffer('mean_path_length', torch.tensor(0.0))
        self._step = 0

    def forward(self, inputs: Tensor, data_samples: list, mode: str = 'tensor'):
        """Draw faces with the labels of the data samples.

        Args:
            inputs (Tensor): Drawn faces (n, 3, H, W), BGR in [-1, 1], as large as the generator's
                images or larger.
            data_samples (list[GenDataSample]): Their ``labels`` (A,).
            mode (str): 'loss' gives weighted losses by name, 'predict' a list of GenDataSample with
                ``target`` and ``reconstruction`` (RGB, (3, H, W)), 'tensor' the generated images.
        """
        labels = torch.stack([sample.labels for sample in data_samples]).cpu()  # [nA]
        mixed = bool(self.detail_labels) and mode == 'loss'
        styles = self._mixed_styles(labels) if mixed else self._styles(labels)
        output = self.generator([styles], input_is_latent=True)
        if mode == 'tensor':
            return output
        target = F.adaptive_avg_pool2d(inputs, output.shape[-2:]).flip(1)
        rgb = output.flip(1)
        if mode == 'loss':
            terms = {
                f'loss_{name}': loss.loss_weight * loss(rgb, loss.prepare(target)).mean()
                for name, loss in self.losses.items()
            }
            if self.path_weight and self._step % self.path_interval == 0:
                penalty, self.mean_path_length, _ = gen_path_regularizer(
                    self.generator, len(inputs), self.mean_path_length, pl_batch_shrink=2
                )
                terms['loss_path'] = self.path_weight * self.path_interval * penalty
            self._step += 1
            return terms
        if mode == 'predict':
            return [GenDataSample(target=t, reconstruction=r) for t, r in zip(target, rgb)]
        raise ValueError(f"mode is 'loss', 'predict' or 'tensor', but got {mode!r}.")

    def _styles(self, labels: Tensor) -> Tensor:
        """Draw style vectors that carry labels: w+ (n, N, D)."""
        z = latents_with_labels(labels, self.choices, self.generator.style_channels)
        w = self.generator.style_mapping(z.to(self.mean_path_length))
        return w[:, None].expand(-1, self.generator.num_latents, -1)  # [NLD]

    def _mixed_styles(self, labels: Tensor) -> Tensor:
        """Draw w+ (n, N, D), half of it with detail labels only behind a crossover."""
        mixed = torch.rand(len(labels), 1) < 0.5
        of_detail = torch.zeros(len(self.choices), dtype=torch.bool)
        of_detail[self.detail_labels] = True
        before = self._styles(labels.masked_fill(mixed & of_detail, -1))
        after = self._styles(labels.masked_fill(mixed & ~of_detail, -1))
        low, high = self.crossovers
        crossover = torch.randint(low, high + 1, (len(labels), 1))
        crossover = torch.where(mixed, crossover, 0)  # [n1]
        is_after = torch.arange(self.generator.num_latents) >= crossover  # [nN]
        return torch.where(is_after[:, :, None].to(after.device), after, before)
