# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Supervised start of a generator, from drawings whose labels and motions are known."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModel, ImgDataPreprocessor
from mmgen.registry import MODELS, MODULES
from mmgen.structures import GenDataSample
from torch import Tensor, nn

from mmgen_bdinvert.models.acceleration.precision import synthesis_dtype
from mmgen_bdinvert.models.checkpoint import GENERATOR_PREFIXES, read_state_dict, select_part

from .grow import grow
from .labelled_noise import LabelledNoise, start_from_coordinates
from .training_synthesis import mix_styles, synthesize

__all__ = ['LabelledStartTrainer']


@MODELS.register_module()
class LabelledStartTrainer(BaseModel):
    """Train a generator and its mapping network to draw the labels and motion of a latent.

    Pairs of latents and drawings train a generator far sooner than a discriminator does. z carries
    labels and motion (:class:`~projects.toon_faces.labelled_noise.LabelledNoise`); a linear readout
    of w, trained too on latents without drawings, makes the mapping network separate them.

    Args:
        generator (dict | nn.Module): An mmgen StyleGAN2 generator, or its config.
        losses (dict[str, dict | None]): Image losses by name, of the ``MODULES`` registry; None is
            none. They see RGB images.
        choices (Sequence[int]): Number of choices of each label.
        detail_labels (Sequence[int]): Labels that the detail code is to carry, by their places in
            ``choices``. Half of the samples then take the styles before a crossover from one
            latent and those after it from another, as in StyleGAN's style mixing; the first knows
            motion and the other labels only, the second these only. Defaults to ().
        crossovers (Sequence[int]): First and last place of the crossover: the first detail styles
            M of the base sizes that are to be used. Defaults to (2, 4), for base 8 and 16.
        margin (float): See ``LabelledNoise``. Defaults to 0.0.
        readout_weight (float): Weight of the readout's squared error. Defaults to 1.0.
        readout_latents (int): Latents that it sees a step. Defaults to 512.
        grow_from (str | None): Weights of a smaller generator to start from, mapping network
            included, see :func:`grow`. Defaults to None: the mapping network starts from
            single coordinates of z.
    """

    def __init__(
        self,
        generator: dict | nn.Module,
        losses: dict[str, dict | None],
        choices: Sequence[int],
        detail_labels: Sequence[int] = (),
        crossovers: Sequence[int] = (2, 4),
        margin: float = 0.0,
        readout_weight: float = 1.0,
        readout_latents: int = 512,
        grow_from: str | None = None,
    ):
        super().__init__(
            data_preprocessor=ImgDataPreprocessor(
                mean=[127.5] * 3, std=[127.5] * 3, rgb_to_bgr=True
            )
        )
        self.generator = MODULES.build(generator) if isinstance(generator, dict) else generator
        self.noise = LabelledNoise(choices, margin=margin)
        self.detail_labels, self.crossovers = list(detail_labels), tuple(crossovers)
        if grow_from is None:
            start_from_coordinates(self.generator.style_mapping, self.noise.num_named)
        else:
            weights, _ = select_part(read_state_dict(grow_from), GENERATOR_PREFIXES)
            grow(self.generator, weights)
        self.losses = nn.ModuleDict(
            {name: MODULES.build(cfg) for name, cfg in losses.items() if cfg is not None}
        )
        self.readout_weight, self.readout_latents = readout_weight, readout_latents
        carried = self.noise.num_cuts + self.noise.motions
        if readout_weight:
            self.readout = nn.Linear(self.generator.style_channels, carried)

    def forward(self, inputs: Tensor, data_samples: list, mode: str = 'tensor'):
        """Draw faces with the labels and motions of the data samples.

        Args:
            inputs (Tensor): Drawn faces (n, 3, H, W), BGR in [-1, 1], as large as the generator's
                images or larger.
            data_samples (list[GenDataSample]): Their ``labels`` (A,) and ``motion`` (M,).
            mode (str): 'loss' gives weighted losses by name, 'predict' a list of GenDataSample with
                ``target`` and ``reconstruction`` (RGB, (3, H, W)), 'tensor' the generated images.
        """
        if mode not in ('loss', 'predict', 'tensor'):
            raise ValueError(f"mode is 'loss', 'predict' or 'tensor', but got {mode!r}.")
        dtype = synthesis_dtype(inputs)
        with torch.autocast(inputs.device.type, enabled=False):
            labels = torch.stack([sample.labels for sample in data_samples]).cpu()  # [nA]
            motions = torch.stack([sample.motion for sample in data_samples]).cpu()  # [nM]
            output = self.draw(labels, motions, dtype, mixed=mode == 'loss')
            if mode == 'tensor':
                return output
            target = self.reduced(inputs).flip(1)
            if mode == 'loss':
                return {**self.image_losses(output.flip(1), target, dtype), **self.readout_loss()}
            pairs = zip(target, output.flip(1))
            return [GenDataSample(target=t, reconstruction=r) for t, r in pairs]

    def reduced(self, images: Tensor) -> Tensor:
        """Reduce images (n, 3, H, W) to the generator's size."""
        return F.adaptive_avg_pool2d(images, self.generator.out_size)

    def draw(self, labels: Tensor, motions: Tensor, dtype: torch.dtype, *, mixed: bool) -> Tensor:
        """Generate images (n, 3, H, W), BGR, with labels (n, A) and motions (n, M)."""
        return synthesize(self.generator, self.styles(labels, motions, mixed=mixed), dtype)

    def image_losses(self, rgb: Tensor, target: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
        """Compare RGB images with their targets: weighted losses by name."""
        with torch.autocast(rgb.device.type, dtype, enabled=dtype == torch.bfloat16):
            return {
                f'loss_{name}': loss.loss_weight * loss(rgb, loss.prepare(target)).mean()
                for name, loss in self.losses.items()
            }

    def readout_loss(self) -> dict[str, Tensor]:
        """Read labels and motions of random latents from w: the weighted squared error."""
        if not self.readout_weight:
            return {}
        count = self.readout_latents
        labels = torch.full((count, len(self.noise.choices)), -1)
        motions = torch.full((count, self.noise.motions), torch.nan)
        z, carried = self.noise(labels, motions, self.generator.style_channels)
        w = self.generator.style_mapping(z.to(self.generator.constant_input.input))
        error = self.readout(w) - carried.to(w)
        return {'loss_readout': self.readout_weight * error.square().mean()}

    def styles(self, labels: Tensor, motions: Tensor, *, mixed: bool) -> Tensor:
        """Draw w+ (n, N, D) that carries labels; half of it mixed, if ``mixed``."""
        layers = self.generator.num_latents
        if not (mixed and self.detail_labels):
            return self._map(labels, motions)[:, None].expand(-1, layers, -1)  # [NLD]
        chosen = torch.rand(len(labels), 1) < 0.5
        of_detail = torch.zeros(labels.shape[1], dtype=torch.bool)
        of_detail[self.detail_labels] = True
        before = self._map(labels.masked_fill(chosen & of_detail, -1), motions)
        motions = motions.masked_fill(chosen, torch.nan)
        after = self._map(labels.masked_fill(chosen & ~of_detail, -1), motions)
        low, high = self.crossovers
        crossover = torch.randint(low, high + 1, (len(labels), 1))
        crossover = torch.where(chosen, crossover, 0)  # [n1]
        return mix_styles(before, after, crossover, layers)

    def _map(self, labels: Tensor, motions: Tensor) -> Tensor:
        z, _ = self.noise(labels, motions, self.generator.style_channels)
        return self.generator.style_mapping(z.to(self.generator.constant_input.input))
