# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""All of the acceleration can be switched off, and nothing but time is lost."""

import pytest
import torch

from mmgen_bdinvert.models import BaseDetailGenerator, RegularizedInverter, WPlusInverter
from mmgen_bdinvert.models.acceleration import enabled, switched_off
from mmgen_bdinvert.models.acceleration.precision import gains_from_bfloat16_gradients

OWN = {'_StyledConvolutionBackward', '_AdaptiveNormBackward', '_FrozenConvolutionBackward'}
OWN |= {'_NormalizedDistanceBackward'}


@pytest.fixture(scope='module')
def make_families(make_generator, make_stylegan1, make_encoder, fit_statistics):
    """Return an inverter of either family of generators, with a perceptual loss."""

    def make(family, kind=RegularizedInverter, **settings):
        if family == 2:
            generator = make_generator()
        else:
            generator = BaseDetailGenerator(make_stylegan1(), 8)
        parts = [make_encoder()] if kind is RegularizedInverter else []
        losses = dict(
            pixel=dict(type='PixelMSELoss'),
            perceptual=dict(type='STLPIPSLoss', loss_weight=1.0),
        )
        statistics = fit_statistics(generator)
        settings = dict(dict(num_steps=4, losses=losses, statistics=statistics), **settings)
        return kind(generator, *parts, **settings)

    return make


@pytest.fixture(scope='module')
def images():
    return torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


def found(inverter, images):
    result = inverter.invert(images)
    return [result.reconstruction, result.history['total'], result.code.detail, result.code.base]


@pytest.mark.parametrize('kind', [RegularizedInverter, WPlusInverter])
@pytest.mark.parametrize(
    # Rounding of float32 grows with the steps: where an activation changes its sign, Adam's step
    # changes too. In float64 mmgen's StyleGAN2 does not compute.
    ('family', 'dtype', 'steps', 'tolerance'),
    [(1, torch.float32, 2, 1e-4), (2, torch.float32, 2, 1e-4), (1, torch.float64, 4, 1e-9)],
)
def test_an_inversion_is_the_same_on_and_off(
    make_families, images, kind, family, dtype, steps, tolerance
):
    def inverted():
        inverter = make_families(family, kind, num_steps=steps)
        return found(inverter.to(dtype), images.to(dtype))

    accelerated = inverted()
    with switched_off():
        plain = inverted()
    for one, other in zip(accelerated, plain):
        torch.testing.assert_close(one, other, rtol=10 * tolerance, atol=tolerance)


@pytest.mark.parametrize('family', [1, 2])
@pytest.mark.parametrize('amp', [True, 'gradients'])
def test_every_precision_works_without(make_families, images, family, amp):
    with switched_off():
        result = make_families(family, amp=amp, num_steps=2).invert(images)
    exact = make_families(family, num_steps=2).invert(images)
    assert (result.reconstruction - exact.reconstruction).abs().mean() < 0.05


@pytest.mark.parametrize('family', [1, 2])
def test_no_function_of_ours_is_left(make_families, images, functions_of, family):
    inverter = make_families(family)
    loss = inverter.losses['perceptual']

    def functions():
        first = inverter.start(images)
        base, detail = (first[name].detach().requires_grad_() for name in ('base', 'detail'))
        output = inverter.generator(base, detail)
        return functions_of(output.sum() + loss(output, loss.prepare(images)).sum())

    assert len(OWN & functions()) > 2
    with switched_off():
        assert not OWN & functions()
    assert len(OWN & functions()) > 2


def test_the_switch_goes_back():
    assert enabled()
    with pytest.raises(KeyError), switched_off():
        assert not enabled() and not gains_from_bfloat16_gradients(torch.device('cpu'))
        raise KeyError
    assert enabled()


@pytest.mark.parametrize(('value', 'shown'), [('0', 'False'), ('1', 'True')])
def test_the_environment_switches_it_off(run_fresh, value, shown):
    code = 'from mmgen_bdinvert.models.acceleration.switch import enabled; print(enabled())'
    done = run_fresh(code, env={'BDINVERT_ACCELERATION': value})
    assert done.stdout.split()[-1] == shown, done.stderr
