# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import functools

import pytest
import torch
from mmgen.registry import MODELS, MODULES

from mmgen_bdinvert.models import (
    LatentStatistics,
    LPIPSLoss,
    RegularizedInverter,
    WPlusInverter,
)

PIXEL = dict(pixel=dict(type='PixelMSELoss'))
DETAIL = dict(type='PNormLoss', loss_weight=0.01)


@pytest.fixture(scope='module')
def images(make_generator, sample_w_plus):
    """Return three targets that the generator can make, in its own channel order."""
    generator = make_generator()
    return generator.synthesis(sample_w_plus(generator, count=3, seed=5)).clamp(-1, 1).detach()


def test_starts_at_the_encoders_guess_and_the_mean(make_inverter, images):
    inverter = make_inverter(num_steps=1, optimizer=dict(type='SGD', lr=0.0))
    generator = inverter.generator
    result = inverter.invert(images)
    with torch.no_grad():
        base = inverter.encoder(images.flip(1))  # RGB
        detail = generator.mean_latent.expand(3, generator.num_detail, 16)
        error = (generator(base, detail) - images).square().mean((1, 2, 3))
        norm = inverter.statistics.whiten(detail).square().mean((1, 2))
    assert torch.equal(result.code.base, base) and torch.equal(result.code.detail, detail)
    for step in (0, 1):  # a step of length 0 leads nowhere
        torch.testing.assert_close(result.history['pixel'][step], error)
        torch.testing.assert_close(result.history['base'][step], torch.zeros(3))
        torch.testing.assert_close(result.history['detail'][step], 0.01 * norm)


def test_whitened_detail_codes_start_at_their_centre(make_inverter, images):
    settings = dict(detail_space='pnorm', optimizer=dict(type='ImageLBFGS'), keep_best=True)
    inverter = make_inverter(num_steps=10, **settings)
    result = inverter.invert(images)
    assert set(result.variables) == {'base', 'detail'}
    assert (result.history['detail'][0] < 1e-9).all()
    assert torch.equal(result.code.detail, result.variables['detail'])
    code = inverter.statistics.whiten(result.code.detail)
    norm = 0.01 * code.square().mean((1, 2))
    torch.testing.assert_close(result.history['detail'][-1], norm, rtol=1e-3, atol=0)
    assert (result.history['total'][-1] < result.history['total'][0]).all()
    rendered = inverter.generator(result.code.base, result.code.detail)
    torch.testing.assert_close(rendered, result.reconstruction)
    held = make_inverter(num_steps=10, clip=0.1, **settings).invert(images)
    held = inverter.statistics.whiten(held.code.detail)
    assert held.abs().max() <= 0.101 < code.abs().max()


def test_loss_falls_and_the_result_belongs_together(make_inverter, images):
    inverter = make_inverter(num_steps=40)
    result = inverter.invert(images)
    history = result.history
    assert set(history) == {'pixel', 'base', 'detail', 'total'}
    assert all(values.shape == (41, 3) for values in history.values())
    torch.testing.assert_close(
        history['total'], history['pixel'] + history['base'] + history['detail']
    )
    assert (history['total'][-1] < 0.6 * history['total'][0]).all()
    assert result.stopped_at.tolist() == [-1, -1, -1]
    code = result.code
    assert code.fingerprint == inverter.generator.fingerprint and code.channel_order == 'bgr'
    assert not code.base.requires_grad and not result.reconstruction.requires_grad
    with torch.no_grad():
        rendered = inverter.generator(code.base, code.detail)
        error = (rendered - images).square().mean((1, 2, 3))
        moved = (code.base - inverter.encoder(images.flip(1))).square().mean((1, 2, 3))
    assert torch.equal(result.reconstruction, rendered)
    torch.testing.assert_close(history['pixel'][-1], error)  # the last row is the result's
    torch.testing.assert_close(history['base'][-1], 2 * moved)
    assert all(p.grad is None for p in inverter.encoder.parameters())


def test_regularisers_hold_the_codes_back(make_inverter, images):
    both = make_inverter(num_steps=40).invert(images)
    free = make_inverter(PIXEL, num_steps=40).invert(images)
    inverter = make_inverter()
    start = inverter.encoder(images.flip(1))
    distance = [(r.code.base - start).square().mean() for r in (both, free)]
    assert distance[0] < 0.7 * distance[1]
    assert free.history['total'][-1].mean() < both.history['pixel'][-1].mean()


def test_w_plus_inversion(make_generator, fit_statistics, images):
    generator = make_generator()
    losses = dict(PIXEL, detail=DETAIL)
    inverter = WPlusInverter(
        generator,
        statistics=fit_statistics(generator),
        losses=losses,
        optimizer=dict(type='Adam', lr=0.05),
        num_steps=30,
    )
    result = inverter.invert(images)
    mean = generator.mean_latent.expand(3, 8, 16)
    with torch.no_grad():
        error = (generator.synthesis(mean) - images).square().mean((1, 2, 3))
    torch.testing.assert_close(result.history['pixel'][0], error)
    assert (result.history['total'][-1] < 0.8 * result.history['total'][0]).all()
    error = (result.reconstruction - images).square().mean((1, 2, 3))
    torch.testing.assert_close(result.history['pixel'][-1], error)
    generator.check_code(result.code)


def test_bad_images_are_refused(make_inverter, images):
    inverter = make_inverter()
    for bad in (images[..., :16], images[:, :1], images[0]):
        with pytest.raises(ValueError, match=r'the shape \(n, 3, 32, 32\), but got \('):
            inverter.invert(bad)
    for value in (torch.nan, torch.inf):
        broken = images.clone()
        broken[2, 0, 3, 4] = value
        with pytest.raises(ValueError, match='Images must be finite, but got NaN or infinite'):
            inverter.invert(broken)


def test_parts_of_another_generator_are_refused(
    make_inverter, make_generator, make_encoder, fit_statistics, tmp_path
):
    other = make_generator(seed=1)
    foreign = fit_statistics(other)
    foreign.save(tmp_path / 'statistics.safetensors')
    config = dict(type='LatentStatistics', path=str(tmp_path / 'statistics.safetensors'))
    with pytest.raises(ValueError, match='latent statistics are those of another generator'):
        make_inverter(statistics=foreign)
    with pytest.raises(ValueError, match='is a file of latent statistics of another generator'):
        make_inverter(statistics=config)
    fit_statistics(make_generator()).save(tmp_path / 'statistics.safetensors')
    assert isinstance(make_inverter(statistics=config).statistics, LatentStatistics)
    encoder = make_encoder()
    encoder.bind(other.fingerprint)
    with pytest.raises(ValueError, match='encoder was trained for another generator'):
        RegularizedInverter(make_generator(), encoder, losses=PIXEL)
    inverter = make_inverter()
    inverter.load_state_dict({f'encoder.{k}': v for k, v in encoder.state_dict().items()})
    with pytest.raises(ValueError, match='encoder was trained for another generator'):
        inverter.invert(torch.zeros(1, 3, 32, 32))


def test_bad_settings_are_refused(make_inverter, make_generator, images):
    with pytest.raises(ValueError, match=r"'detail' \(PNormLoss\) needs the latent statistics of"):
        make_inverter(statistics=None)
    for steps in (-1, 1.5):
        with pytest.raises(
            ValueError, match=f'num_steps is a whole number of at least 0, but got {steps}'
        ):
            make_inverter(num_steps=steps)
    with pytest.raises(ValueError, match="amp is False, True or 'gradients', but got 'bf16'"):
        make_inverter(amp='bf16')
    with pytest.raises(ValueError, match="detail_space is 'w.' or 'pnorm', but got 'w'"):
        make_inverter(detail_space='w')
    with pytest.raises(ValueError, match="detail_space='pnorm' needs the latent statistics"):
        make_inverter(PIXEL, statistics=None, detail_space='pnorm')
    with pytest.raises(ValueError, match="'total' is taken"):
        make_inverter(losses=dict(total=dict(type='PixelMSELoss')))
    for nothing in ({}, {'pixel': None}, '{}', 5):
        with pytest.raises(ValueError, match='losses is a dict with at least one loss, but got'):
            make_inverter(nothing)
    base = dict(base=dict(type='BaseCodeDistance'))
    with pytest.raises(
        ValueError, match=r"WPlusInverter cannot compare 'base', as the loss 'base'"
    ):
        WPlusInverter(make_generator(), losses=base)


def test_is_built_from_a_config_with_the_papers_settings(generator_config, monkeypatch):
    lpips = functools.partial(LPIPSLoss, net='squeeze', backbone='random')  # nothing to download
    monkeypatch.setitem(MODULES.module_dict, 'LPIPSLoss', lpips)
    generator = dict(type='BaseDetailGenerator', generator=generator_config(), base_size=8)
    statistics = LatentStatistics(
        mean=torch.zeros(16), components=torch.eye(16), eigenvalues=torch.ones(16)
    )
    encoder = dict(type='BaseCodeEncoder', base_channels=8, base_size=8, widths=(2, 2, 2))
    weights = dict(pixel=1, perceptual=10)
    for config, more in (
        (dict(type='WPlusInverter'), {}),
        (dict(type='RegularizedInverter', encoder=encoder), dict(base=10, detail=0.01)),
    ):
        inverter = MODELS.build(dict(config, generator=generator, statistics=statistics))
        found = {name: loss.loss_weight for name, loss in inverter.losses.items()}
        assert found == {**weights, **more}
        assert (inverter.num_steps, inverter.optimizer) == (1200, dict(type='Adam', lr=0.01))
