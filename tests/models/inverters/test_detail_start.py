# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Inversions that start at the prediction of a detail encoder."""

import pytest
import torch

from mmgen_bdinvert.models import DetailCodeEncoder


@pytest.fixture(scope='module')
def images(make_generator, sample_w_plus):
    generator = make_generator()
    return generator.synthesis(sample_w_plus(generator, count=3, seed=5)).clamp(-1, 1).detach()


@pytest.fixture()
def detail_encoder(make_generator):
    generator = make_generator()
    encoder = DetailCodeEncoder(generator.num_detail, 16, 32, (4, 6), features=8)
    encoder.adapt(generator)
    rng = torch.Generator().manual_seed(1)
    encoder.heads.weight.data = torch.randn(encoder.heads.weight.shape, generator=rng)
    return encoder.eval()


@pytest.mark.parametrize('space', ['w+', 'pnorm'])
def test_without_steps_the_result_is_one_pass(make_inverter, images, detail_encoder, space):
    inverter = make_inverter(num_steps=0, detail_encoder=detail_encoder, detail_space=space)
    result = inverter.invert(images)
    with torch.no_grad():
        base, detail = inverter.encoder(images.flip(1)), detail_encoder(images.flip(1))
        rendered = inverter.generator(base, detail)
    assert torch.equal(result.code.base, base)
    torch.testing.assert_close(result.code.detail, detail, rtol=0, atol=1e-4)
    torch.testing.assert_close(result.reconstruction, rendered, rtol=0, atol=1e-4)
    assert (detail[0] - detail[1]).abs().max() > 0.01  # not the mean of all


def test_the_image_is_rendered_once_without_steps(make_inverter, images, monkeypatch):
    inverter, calls = make_inverter(num_steps=0), []
    plain = inverter.render
    monkeypatch.setattr(inverter, 'render', lambda v: (calls.append(1), plain(v))[1])
    inverter.invert(images)
    assert len(calls) == 1


def test_steps_lead_on_from_there(make_inverter, images, detail_encoder):
    settings = dict(optimizer=dict(type='ImageLBFGS'), detail_space='pnorm', keep_best=True)
    inverter = make_inverter(num_steps=30, detail_encoder=detail_encoder, **settings)
    start = make_inverter(num_steps=0, detail_encoder=detail_encoder).invert(images).history
    history = inverter.invert(images).history
    torch.testing.assert_close(history['total'][0], start['total'][0], rtol=1e-3, atol=0)
    assert (history['total'][-1] < 0.9 * history['total'][0]).all()


def test_a_limit_of_the_detail_code_holds_at_the_start_too(make_inverter, images, detail_encoder):
    inverter = make_inverter(num_steps=0, detail_encoder=detail_encoder, clip=0.1)
    whitened = inverter.statistics.whiten(inverter.invert(images).code.detail)
    assert whitened.abs().max() < 0.11


def test_the_detail_encoder_of_another_generator_is_refused(make_inverter, make_generator):
    other = make_generator(seed=1)
    encoder = DetailCodeEncoder(other.num_detail, 16, 32, (4, 6), features=8)
    encoder.adapt(other)
    with pytest.raises(ValueError, match='trained for another generator'):
        make_inverter(detail_encoder=encoder)
    with pytest.raises(ValueError, match='detail_encoder is a part of the model'):
        make_inverter(detail_encoder='encoder.safetensors')
