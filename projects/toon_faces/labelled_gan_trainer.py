# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""GAN training of a generator that had a supervised start."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapperDict
from mmgen.models.averaged_model import ExponentialMovingAverage
from mmgen.registry import MODELS, MODULES
from torch import Tensor, nn

from mmgen_bdinvert.models.acceleration.precision import synthesis_dtype
from mmgen_bdinvert.models.checkpoint import read_state_dict

from .labelled_start_trainer import LabelledStartTrainer
from .training_synthesis import synthesize

__all__ = ['LabelledGANTrainer']


@MODELS.register_module()
class LabelledGANTrainer(LabelledStartTrainer):
    """Train a generator against a discriminator; the labels' losses fade out.

    One set of generated faces a step, with the labels of the real ones, serves the discriminator,
    the generator and the fading losses. The loss is the non-saturating logistic one, with R1 on
    real images and path length regularisation, both applied lazily.

    Args:
        discriminator (dict | nn.Module): A :class:`FeatureDiscriminator`, or its config.
        warm_up (tuple[int, int]): Iterations between which the discriminator's weight in the
            generator's loss rises from 0 to 1. Defaults to (200, 1000).
        fade_out (tuple[int, int]): Iterations between which the weight of the labels' losses falls
            from 1 to 0. Defaults to (1000, 5000).
        r1_weight (float): Weight of R1. Defaults to 1.0.
        r1_interval (int): Its interval in steps. Defaults to 16.
        path_weight (float): Weight of path length regularisation. Defaults to 2.0.
        path_interval (int): Its interval in steps. Defaults to 8.
        path_batch (int): Images that it sees. Defaults to 4.
        ema_images (float): Half-life of the moving average in images, for the batch size of the
            first step. Defaults to 5000.
        start_from (str | None): State dict of such a trainer to start from: what it holds of
            generator, moving average and discriminator; the generator starts as the moving average
            if the file has no other. Defaults to None.
        kwargs: Of ``LabelledStartTrainer``; the readout of the mapping network is not trained.
    """

    mean_path_length: Tensor

    def __init__(
        self,
        *,
        discriminator: dict | nn.Module,
        warm_up: tuple[int, int] = (200, 1000),
        fade_out: tuple[int, int] = (1000, 5000),
        r1_weight: float = 1.0,
        r1_interval: int = 16,
        path_weight: float = 2.0,
        path_interval: int = 8,
        path_batch: int = 4,
        ema_images: float = 5000,
        start_from: str | None = None,
        **kwargs,
    ):
        super().__init__(readout_weight=0.0, **kwargs)
        as_config = isinstance(discriminator, dict)
        self.discriminator = MODULES.build(discriminator) if as_config else discriminator
        self.generator_ema = ExponentialMovingAverage(self.generator)
        self.register_buffer('mean_path_length', torch.tensor(0.0))
        self.warm_up, self.fade_out = warm_up, fade_out
        self.r1_weight, self.r1_interval = r1_weight, r1_interval
        self.path_weight, self.path_interval = path_weight, path_interval
        self.path_batch, self.ema_images = path_batch, ema_images
        if start_from is not None:
            self._start_from(read_state_dict(start_from))

    def train_step(self, data: dict, optim_wrapper: OptimWrapperDict) -> dict[str, Tensor]:
        """Update the discriminator, the generator and the moving average."""
        iteration = MessageHub.get_current_instance().get_info('iter')
        data = self.data_preprocessor(data, True)
        real, samples = self.reduced(data['inputs']), data['data_samples']
        labels = torch.stack([sample.labels for sample in samples]).cpu()  # [nA]
        motions = torch.stack([sample.motion for sample in samples]).cpu()  # [nM]
        of_generator, of_discriminator = optim_wrapper['generator'], optim_wrapper['discriminator']
        with of_generator.optim_context(self):
            dtype = synthesis_dtype(real)
        real_rgb = real.flip(1)
        with torch.autocast(real.device.type, enabled=False):
            rgb = self.draw(labels, motions, dtype, mixed=True).flip(1)
        with torch.autocast(real.device.type, dtype, enabled=dtype == torch.bfloat16):
            with torch.no_grad():
                real_maps = self.discriminator.maps(real_rgb)
            maps = self.discriminator.maps(rgb)
            losses = self._discriminator_losses(maps, real_maps)
        if self.r1_weight and iteration % self.r1_interval == 0:
            penalty = self.discriminator.gradient_penalty(real_maps)
            losses['loss_r1'] = self.r1_weight * self.r1_interval * penalty
        log = self._update(losses, of_discriminator)

        losses = {}
        weight = _ramp(iteration, self.warm_up)
        if weight:
            self.discriminator.requires_grad_(False)
            with torch.autocast(real.device.type, dtype, enabled=dtype == torch.bfloat16):
                judged = self.discriminator.judge(maps)
            losses['loss_gan'] = weight * _mean(F.softplus(-logit.float()) for logit in judged)
            self.discriminator.requires_grad_(True)
        weight = 1 - _ramp(iteration, self.fade_out)
        if weight:
            drawn = self.image_losses(rgb, real_rgb, dtype)
            losses.update((name, weight * loss) for name, loss in drawn.items())
        if self.path_weight and iteration % self.path_interval == 0:
            losses['loss_path'] = self.path_weight * self.path_interval * self._path_penalty(dtype)
        if losses:
            log |= self._update(losses, of_generator)
        self.generator_ema.momentum = 1 - 0.5 ** (len(real) / self.ema_images)
        self.generator_ema.update_parameters(self.generator)
        self.generator_ema.sync_buffers(self.generator)
        return log

    def _update(self, losses: dict[str, Tensor], optim_wrapper) -> dict[str, Tensor]:
        total, log = self.parse_losses(losses)
        optim_wrapper.update_params(total)
        log.pop('loss')
        return log

    def _discriminator_losses(self, maps: list[Tensor], real_maps: list[Tensor]) -> dict:
        fake = self.discriminator.judge([m.detach() for m in maps])
        real = self.discriminator.judge(real_maps)
        return {
            'loss_fake': _mean(F.softplus(logit.float()) for logit in fake),
            'loss_real': _mean(F.softplus(-logit.float()) for logit in real),
            **{f'real_{i}': logit.detach().float().mean() for i, logit in enumerate(real)},
            **{f'fake_{i}': logit.detach().float().mean() for i, logit in enumerate(fake)},
        }

    def _path_penalty(self, dtype: torch.dtype) -> Tensor:
        """Penalise how far path lengths are from their mean (StyleGAN2, section 3.2)."""
        labels = torch.full((self.path_batch, len(self.noise.choices)), -1)
        motions = torch.full((self.path_batch, self.noise.motions), torch.nan)
        styles = self.styles(labels, motions, mixed=True)
        image = synthesize(self.generator, styles, dtype)
        noise = torch.randn_like(image) / (image.shape[2] * image.shape[3]) ** 0.5
        (gradient,) = torch.autograd.grad((image * noise).sum(), styles, create_graph=True)
        lengths = gradient.square().sum(2).mean(1).sqrt()
        mean = lengths.detach().mean()
        if self.mean_path_length:
            mean = self.mean_path_length.lerp(mean, 0.01)
        self.mean_path_length.copy_(mean)
        return (lengths - mean).square().mean()

    def _start_from(self, weights: dict[str, Tensor]) -> None:
        of_average = 'generator_ema.module.'
        if not any(name.startswith('generator.') for name in weights):
            averaged = {k: v for k, v in weights.items() if k.startswith(of_average)}
            weights |= {k.replace(of_average, 'generator.'): v for k, v in averaged.items()}
        found = self.load_state_dict(weights, strict=False)
        if found.unexpected_keys:
            raise ValueError(
                f'start_from must be a state dict of this trainer, but {found.unexpected_keys[0]} '
                f'is none of its tensors.'
            )


def _ramp(iteration: int, between: tuple[int, int]) -> float:
    start, end = between
    return min(max((iteration - start) / max(end - start, 1), 0.0), 1.0)


def _mean(values) -> Tensor:
    return torch.stack([value.mean() for value in values]).mean()
