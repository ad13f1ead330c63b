# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The released program's objective, against its formulas written out in plain torch."""

import lpips
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from PIL import Image

from mmgen_bdinvert.apis import init_inverter, load_config
from mmgen_bdinvert.models.acceleration.switch import switched_off
from mmgen_bdinvert.models.inverters.image_state import ImageState

SIZE, STEPS = 48, 20  # of the perceptual distance, as 256 at 1024 pixels


@pytest.fixture(scope='module')
def inverter(make_config, tmp_path_factory):
    """Build configs/baselines/authors.py over a tiny domain, in float64."""
    domain = make_config(base_size=16, out_size=64)
    folder = tmp_path_factory.mktemp('authors')
    weights = torch.load(domain.parent / 'generator.pth', weights_only=True)
    mean = 0.1 * torch.randn(16, generator=torch.Generator().manual_seed(4))
    torch.save({**weights, 'w_avg': mean}, domain.parent / 'generator.pth')
    statistics = Config.fromfile(domain).model.statistics.path
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('BDINVERT_DOMAIN', str(domain.with_suffix('')))
        cfg = load_config('baselines/authors')
    cfg.model.losses.perceptual.size = SIZE
    cfg.model.num_steps = STEPS
    cfg.model.statistics.path = statistics
    cfg.dump(folder / 'authors.py')
    built = init_inverter(folder / 'authors.py', device='cpu').double()
    torch.testing.assert_close(built.generator.generator.w_avg, mean)
    return built


def lanczos(image, size):
    """Resize an RGB image (1, 3, H, W) in [-1, 1] with Pillow, in 8 bits."""
    pixels = np.clip((image[0].numpy() + 1) * 255 / 2 + 0.5, 0, 255).astype(np.uint8)
    resized = Image.fromarray(pixels.transpose(1, 2, 0)).resize((size, size), Image.LANCZOS)
    return torch.from_numpy(np.array(resized) / 255 * 2 - 1).permute(2, 0, 1)[None]


def released_program(inverter, target):
    """Yield losses and gradients of steps as the formulas give them; target (1, 3, H, W) in RGB."""
    generator, statistics = inverter.generator, inverter.statistics
    distance = lpips.LPIPS(net='squeeze', pnet_rand=True, verbose=False).double()
    distance.load_state_dict(
        {k: v for k, v in inverter.losses['perceptual'].distance.network.state_dict().items()},
        strict=False,
    )
    small = lanczos(target, SIZE)
    first = inverter.encoder.model(lanczos(target, 8 * 16)).detach()
    base = first.clone().requires_grad_()
    w = generator.generator.w_avg.double().expand(1, generator.num_latents, -1).clone()
    w.requires_grad_()
    optimizer = torch.optim.Adam([w, base], lr=0.01)
    for _ in range(STEPS):
        image = generator(base, w[:, generator.first_detail :]).flip(1)
        resized = F.interpolate(image, size=(SIZE, SIZE), mode='bicubic')
        v = (F.leaky_relu(w, 5.0) - statistics.mean) @ statistics.components
        v = v / statistics.eigenvalues.sqrt()
        losses = dict(
            pixel=((image - target) ** 2).mean(),
            perceptual=10 * distance(small, resized).mean(),
            base=10 * ((base - first) ** 2).mean(),
            detail=0.01 * (v**2).mean(),
        )
        optimizer.zero_grad()
        sum(losses.values()).backward()
        yield losses, base.grad.clone(), w.grad.clone()
        optimizer.step()


def test_values_and_gradients_of_the_first_steps(inverter, picture, monkeypatch):
    target = torch.from_numpy(picture(3, 64, 64) / 127.5 - 1).permute(2, 0, 1)[None]
    seen, observe = [], ImageState.observe

    def noted(self, total, variables, gradients):
        found = dict(zip(variables, gradients))
        seen.append({name: gradient.clone() for name, gradient in found.items()})
        observe(self, total, variables, gradients)

    monkeypatch.setattr(ImageState, 'observe', noted)
    result = inverter.invert(target.flip(1))
    with switched_off():
        expected = list(released_program(inverter, target))
    for step, (losses, base, detail) in enumerate(expected):
        for name, value in losses.items():
            torch.testing.assert_close(
                result.history[name][step, 0], value.detach(), rtol=1e-4, atol=1e-9
            )
        for name, gradient in dict(base=base, detail=detail).items():
            error = (seen[step][name] - gradient).norm() / gradient.norm()
            assert error < 1e-4, (step, name)
    assert result.code.detail.shape[1] == inverter.generator.num_detail
    assert inverter.generator.first_detail and detail[:, 0].abs().sum() > 0


@pytest.mark.parametrize('domain', ['bdinvert_inv_ffhq_authors', 'bdinvert_inv_toon64'])
def test_the_config_has_the_released_numbers_over_any_domain(domain, monkeypatch):
    monkeypatch.setenv('BDINVERT_DOMAIN', f'../{domain}')
    model = load_config('baselines/authors').model
    weights = {name: loss.get('loss_weight') for name, loss in model.losses.items()}
    assert weights == dict(pixel=1.0, perceptual=None, base=10.0, detail=0.01)
    assert model.losses.perceptual.distance.loss_weight == 10.0
    assert (model.statistics.floor, model.num_steps, model.keep_best) == (1e-12, 1200, False)
    assert model.optimizer == dict(type='Adam', lr=0.01)
