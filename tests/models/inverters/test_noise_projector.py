# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
import torch
from mmgen.registry import MODELS

from mmgen_bdinvert.models import BaseDetailGenerator, NoiseProjector
from mmgen_bdinvert.models.inverters.noise_projector import (
    noise_correlation,
    projector_rate,
    style_deviation,
)

PIXEL = dict(pixel=dict(type='PixelMSELoss'))


@pytest.fixture(scope='module')
def images(make_generator, sample_w_plus):
    generator = make_generator()
    return generator.synthesis(sample_w_plus(generator, count=2, seed=5)).clamp(-1, 1).detach()


@pytest.fixture()
def make_projector(make_generator):
    def make(num_steps=20, **settings):
        settings = dict(dict(losses=PIXEL, noise_weight=1.0), **settings)
        return NoiseProjector(make_generator(), num_steps=num_steps, **settings)

    return make


def correlation_by_loops(noise):
    """Compute StyleGAN2's noise regulariser of one map by its definition."""
    noise, total = np.asarray(noise, dtype=float), 0.0
    while True:
        size = len(noise)
        right = down = 0.0
        for y in range(size):
            for x in range(size):
                right += noise[y, x] * noise[y, (x + 1) % size]
                down += noise[y, x] * noise[(y + 1) % size, x]
        total += (right / size**2) ** 2 + (down / size**2) ** 2
        if size <= 8:
            return total
        half = size // 2
        noise = np.array(
            [
                [noise[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].sum() / 2 for x in range(half)]
                for y in range(half)
            ]
        )


@pytest.mark.parametrize('size', [4, 8, 32])
def test_noise_correlation_is_the_papers(size):
    noise = torch.randn(2, 1, size, size, generator=torch.Generator().manual_seed(size)) + 0.3
    expected = [correlation_by_loops(n[0]) for n in noise]
    torch.testing.assert_close(noise_correlation(noise).tolist(), expected, rtol=1e-4, atol=1e-6)


def test_white_noise_is_uncorrelated_and_a_constant_is_not():
    white = torch.randn(1, 1, 128, 128, generator=torch.Generator().manual_seed(0))
    assert noise_correlation(white).item() < 0.05
    # Two neighbours on each of 16 and 8 pixels, where the constant is 1 and 2: 2·1 + 2·16.
    assert noise_correlation(torch.ones(1, 1, 16, 16)).item() == 34


def test_the_learning_rate_rises_and_falls():
    shares = {0: 0, 0.025: 0.5, 0.05: 1, 0.5: 1, 0.75: 1, 0.875: 0.5, 1: 0}
    for progress, rate in shares.items():
        assert projector_rate(progress) == pytest.approx(rate)


def test_style_deviation_is_that_of_mapped_samples(make_generator):
    generator = make_generator()
    z = torch.randn(20_000, 16, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        w = generator.mapping(z)
    expected = (w - w.mean(0)).square().sum(1).mean().sqrt()
    assert style_deviation(generator) == pytest.approx(float(expected), rel=0.02)


def test_projection_optimises_style_and_white_maps(make_projector, images):
    projector = make_projector(num_steps=40)
    result = projector.invert(images)
    host = projector.generator.generator
    assert set(result.variables) == {'styles', *(f'noise_{i}' for i in range(7))}
    assert result.variables['styles'].shape == (2, 1, 16)
    for i in range(7):
        found, own = result.variables[f'noise_{i}'], getattr(host, f'injected_noise_{i}')
        assert found.shape == (2, *own.shape[1:])
        torch.testing.assert_close(found.mean((1, 2, 3)), torch.zeros(2), rtol=0, atol=1e-5)
        torch.testing.assert_close(found.square().mean((1, 2, 3)), torch.ones(2))
        assert not torch.equal(found, own.expand_as(found))
    assert set(result.history) == {'pixel', 'noise', 'total'}
    total = result.history['pixel'] + result.history['noise']
    torch.testing.assert_close(result.history['total'], total)
    assert (result.history['pixel'][-1] < 0.9 * result.history['pixel'][0]).all()
    with torch.no_grad():  # the maps are part of the image
        plain = projector.generator.synthesis(projector.w_plus(result.variables))
    assert (plain - result.reconstruction).abs().max() > 0.01


def test_it_starts_at_the_generators_own_maps_in_both_families(
    make_generator, make_stylegan1, images
):
    for generator in (make_generator(), BaseDetailGenerator(make_stylegan1(), 8)):
        projector = NoiseProjector(generator, losses=PIXEL, num_steps=0)
        result = projector.invert(images)
        with torch.no_grad():
            mean = generator.mean_latent.expand(2, generator.num_latents, -1)
            expected = generator.synthesis(mean)
        torch.testing.assert_close(result.reconstruction, expected, rtol=0, atol=1e-5)


def test_the_regulariser_keeps_neighbours_apart(make_projector, images):
    def correlation(weight):
        found = make_projector(num_steps=40, noise_weight=weight).invert(images).variables
        return sum(noise_correlation(found[f'noise_{i}']).sum() for i in range(7))

    assert correlation(1e3) < 0.5 * correlation(0.0)


def test_early_steps_explore_and_the_last_quarter_does_not(make_projector):
    projector = make_projector(num_steps=100, exploration=0.05)
    projector._deviation = 2.0
    variables = {'styles': torch.zeros(3, 1, 16)}
    noisy = projector.explore(variables, 0)['styles']
    assert torch.equal(noisy[0], noisy[2])  # the same for all images
    assert noisy.std().item() == pytest.approx(0.1, rel=0.5)
    assert torch.equal(noisy, projector.explore(variables, 0)['styles'])
    assert projector.explore(variables, 75) is variables
    assert projector.explore(variables, 37)['styles'].std() < 0.5 * noisy.std()


def test_a_batch_gives_what_its_images_give_alone(make_projector, images):
    batch = make_projector().invert(images)
    alone = make_projector().invert(images[1:])
    for name, value in alone.variables.items():
        torch.testing.assert_close(batch.variables[name][1:], value, rtol=0, atol=1e-4)


def test_the_order_of_stored_maps_does_not_matter(make_projector, images):
    projector = make_projector(num_steps=2)
    found = projector.invert(images)
    stored = dict(reversed(found.variables.items()))
    assert torch.equal(projector.render(stored), projector.render(found.variables))


def test_bad_settings_are_refused(make_projector):
    with pytest.raises(
        ValueError, match='noise_weight is a finite number of at least 0, but got -1'
    ):
        make_projector(noise_weight=-1)
    with pytest.raises(ValueError, match="The loss name 'noise' is taken"):
        make_projector(losses=dict(noise=dict(type='PixelMSELoss')))


def test_is_built_from_a_config_with_the_papers_settings(generator_config):
    generator = dict(type='BaseDetailGenerator', generator=generator_config(), base_size=8)
    projector = MODELS.build(dict(type='NoiseProjector', generator=generator, losses=PIXEL))
    assert projector.one_style and projector.noise_weight == 1e5
    assert projector.exploration == 0.05
    assert (projector.num_steps, projector.optimizer) == (1000, dict(type='Adam', lr=0.1))
