# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The baseline: unmodified modules of mmgen and lpips, called in the straightforward way.

Weights are modulated, maps are contiguous, numbers are float32, and the perceptual network sees the
target in every step.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmgen_bdinvert.models import BaseDetailGenerator
from mmgen_bdinvert.models.acceleration.frozen_modules import restore_modules
from mmgen_bdinvert.models.losses.perceptual import reduce_images

from .setting import Setting

__all__ = ['PlainInversion', 'PlainTraining', 'plain_statistics']


class _Plain:
    """The unmodified modules that inversion and training share.

    They are copies, unless ``in_place``.
    """

    def __init__(self, setting: Setting, in_place: bool = False):
        self.setting = setting
        modules = setting.generator.generator, setting.perceptual.network
        self.host, network = modules if in_place else copy.deepcopy(modules)
        restore_modules(self.host)
        restore_modules(network)
        self.first = setting.generator.first_detail
        self.lpips = network.to(memory_format=torch.contiguous_format)

    def render(self, base: Tensor, detail: Tensor) -> Tensor:
        """Render base and detail code with mmgen's modules: RGB (n, 3, H, W)."""
        host, out, skip = self.host, base, None
        for layer in range(self.first, host.num_latents - 1):
            noise = getattr(host, f'injected_noise_{layer}')
            out = host.convs[layer - 1](out, detail[:, layer - self.first], noise=noise)
            if layer % 2 == 0:
                style = detail[:, layer + 1 - self.first]
                skip = host.to_rgbs[layer // 2 - 1](out, style, skip)
        return self.setting.generator.to_rgb(skip)

    def image_terms(self, rgb: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Return pixel and perceptual loss of each image, without weights: (n,) each."""
        size = self.setting.perceptual.resize
        distance = self.lpips(reduce_images(rgb, size), reduce_images(target, size)).flatten()
        return {'pixel': (rgb - target).square().mean((1, 2, 3)), 'perceptual': distance}

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """Add up weighted terms (n,)."""
        return sum(self.setting.weights[name] * term for name, term in terms.items())


class PlainInversion(_Plain):
    """The paper's regularised inversion, step by step.

    Args:
        setting (Setting): What is inverted.
        in_place (bool): Whether to restore the setting's own modules to those of mmgen and lpips,
            permanently. Defaults to False: copies are used.
    """

    def __init__(self, setting: Setting, in_place: bool = False):
        super().__init__(setting, in_place)
        self.target = setting.generator.to_rgb(setting.images)
        encoder = setting.encoder if in_place else copy.deepcopy(setting.encoder)
        with torch.no_grad():
            self.start = encoder.eval()(self.target)
        mean = setting.generator.mean_latent
        count = setting.generator.num_detail
        self.base = self.start.clone(memory_format=torch.contiguous_format).requires_grad_()
        self.detail = mean.repeat(setting.batch, count, 1).requires_grad_()  # [NLD]
        self.optimizer = torch.optim.Adam([self.base, self.detail], lr=0.01)

    def step(self) -> Tensor:
        """Do one step; returns the losses before it, (n,)."""
        self.optimizer.zero_grad()
        total = self.total(self.terms(self.base, self.detail))
        total.sum().backward()
        self.optimizer.step()
        return total.detach()

    def terms(self, base: Tensor, detail: Tensor) -> dict[str, Tensor]:
        """Return the four losses of codes of the images, without weights: (n,) each."""
        terms = self.image_terms(self.render(base, detail), self.target)
        terms['base'] = (base - self.start).square().mean((1, 2, 3))
        terms['detail'] = self.setting.statistics.whiten(detail).square().mean((1, 2))
        return terms


class PlainTraining(_Plain):
    """The paper's training of the encoder, iteration by iteration.

    Args:
        setting (Setting): What is trained, on ``batch`` images an iteration.
    """

    def __init__(self, setting: Setting):
        super().__init__(setting)
        self.encoder = copy.deepcopy(setting.encoder).train().requires_grad_()
        for module in self.encoder.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.data = module.weight.data.contiguous()
        self.optimizer = torch.optim.Adam(self.encoder.parameters(), lr=1e-3)
        self.seed = 0

    def step(self) -> Tensor:
        """Do one iteration; returns its loss, ()."""
        generator, batch = self.setting.generator, self.setting.batch
        rngs = [torch.Generator().manual_seed(self.seed + i) for i in range(batch)]
        z = torch.stack([torch.randn(generator.style_dim, generator=rng) for rng in rngs])
        z = z.to(self.setting.device)
        with torch.no_grad():
            w_plus = generator.to_w_plus(self.host.style_mapping(z), 0.7)
            images = self.host([w_plus], input_is_latent=True, randomize_noise=False)
        self.seed += batch
        target = generator.to_rgb(images)
        size = self.encoder.input_size
        small = F.interpolate(
            target, (size, size), mode='bilinear', align_corners=False, antialias=True
        )
        self.optimizer.zero_grad()
        output = self.render(self.encoder.model(small), w_plus[:, self.first :])
        loss = self.total(self.image_terms(output, target)).mean()
        loss.backward()
        self.optimizer.step()
        return loss.detach()


@torch.no_grad()
def plain_statistics(
    generator: BaseDetailGenerator, *, num_samples: int, batch_size: int = 4096
) -> Tensor:
    """Measure P-norm+ space of all style vectors at once; returns its eigenvalues, ascending."""
    rng = torch.Generator().manual_seed(0)
    z = torch.randn(num_samples, generator.style_dim, generator=rng).to(generator.device)
    w = torch.cat([generator.generator.style_mapping(part) for part in z.split(batch_size)])
    eigenvalues, _ = torch.linalg.eigh(torch.cov(F.leaky_relu(w, 5).T))
    return eigenvalues
