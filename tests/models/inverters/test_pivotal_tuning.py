# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import copy

import pytest
import torch

from mmgen_bdinvert.editing import Direction
from mmgen_bdinvert.models import (
    BaseDetailGenerator,
    PivotalTuningInverter,
    WPlusInverter,
)
from mmgen_bdinvert.models.inverters.pivotal_tuning import tail_weights

PIXEL = dict(pixel=dict(type='PixelMSELoss'))


@pytest.fixture(scope='module')
def images(make_generator, sample_w_plus):
    generator = make_generator(seed=4)  # not quite what the tuned generator can make
    return generator.synthesis(sample_w_plus(generator, count=2, seed=5)).clamp(-1, 1).detach()


@pytest.fixture(scope='module')
def make_tuner(make_inverter):
    def make(pivot_steps=5, num_steps=15, pivot=None, **settings):
        settings = dict(dict(optimizer=dict(type='Adam', lr=0.01)), **settings)
        return PivotalTuningInverter(
            make_inverter(num_steps=pivot_steps, **(pivot or {})), num_steps=num_steps, **settings
        )

    return make


@pytest.fixture(scope='module')
def tuned(make_tuner, images):
    tuner = make_tuner()
    return tuner, tuner.invert(images)


def test_a_pivot_of_whitened_codes(make_tuner, images):
    tuner = make_tuner(num_steps=1, pivot=dict(detail_space='pnorm'))
    found = tuner.invert(images).code
    assert torch.equal(found.detail, tuner.pivot.invert(images).code.detail)


@pytest.mark.parametrize('family', [1, 2])
def test_tail_weights_are_those_that_reach_the_image(
    make_generator, make_stylegan1, sample_w_plus, family
):
    generator = make_generator() if family == 2 else BaseDetailGenerator(make_stylegan1(), 8)
    code = generator.split(sample_w_plus(generator, count=1))
    tail = tail_weights(generator)
    with torch.no_grad():
        image = generator(code.base, code.detail)
        for name, parameter in generator.generator.named_parameters():
            kept = parameter.clone()
            parameter.add_(0.1)
            changed = not torch.equal(generator(code.base, code.detail), image)
            parameter.copy_(kept)
            assert (name in tail) == changed, name
    assert all(torch.equal(w, generator.generator.get_parameter(k)) for k, w in tail.items())
    assert 0 < len(tail) < len(list(generator.generator.parameters()))


def test_tuning_improves_on_the_pivot_and_leaves_the_generator(make_inverter, tuned, images):
    tuner, result = tuned
    pivot = make_inverter(num_steps=5).invert(images)
    assert torch.equal(result.code.base, pivot.code.base)
    assert torch.equal(result.code.detail, pivot.code.detail)
    before = (pivot.reconstruction - images).square().mean((1, 2, 3))
    after = (result.reconstruction - images).square().mean((1, 2, 3))
    torch.testing.assert_close(result.history['pixel'][0], before)
    assert (after < 0.8 * before).all()
    assert tuner.generator.fingerprint == make_inverter().generator.fingerprint
    fresh = copy.deepcopy(tuner.generator)
    assert fresh.fingerprint == tuner.generator.fingerprint  # the weights, not what was cached
    assert set(result.history) == {'pixel', 'locality', 'total'}
    assert (result.history['locality'][0] < 1e-10).all()  # one image at a time rounds otherwise


def test_each_image_has_weights_of_its_own(make_tuner, tuned, images):
    _, batch = tuned
    alone = make_tuner().invert(images[1:])
    for name, value in alone.variables.items():
        torch.testing.assert_close(batch.variables[name][1:], value, rtol=0, atol=1e-4)
    name = next(name for name in batch.variables if name.startswith('convs'))
    assert not torch.equal(*batch.variables[name])


def test_the_pivots_steps_are_reported_and_can_be_interrupted(make_tuner, make_inverter, images):
    """The pivot's inversion was silent, and could not be stopped."""
    tuner, calls = make_tuner(pivot_steps=5, num_steps=3), []
    result = tuner.invert(images, lambda *state: calls.append(state))
    assert [call[:2] for call in calls] == [(step, 8) for step in range(9)]
    pivot = make_inverter(num_steps=5).invert(images)
    totals = torch.cat([pivot.history['total'][:5], result.history['total']])
    assert torch.equal(torch.stack([losses['total'] for _, _, losses, _ in calls]), totals)
    assert 'base' in calls[4][2] and 'locality' in calls[5][2]
    torch.testing.assert_close(calls[5][3], pivot.reconstruction)

    def interrupt(step, *state):
        calls.append(step)
        if step == 2:
            raise KeyboardInterrupt

    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        tuner.invert(images, interrupt)
    assert calls == [0, 1, 2]
    calls.clear()
    tuner.invert(images)  # nothing is left of the callback
    assert calls == []


def test_locality_holds_the_neighbourhood(make_tuner, images):
    def change(weight):
        tuner = make_tuner(num_steps=20, locality_weight=weight)
        result = tuner.invert(images)
        with torch.no_grad():
            return tuner.penalties({**result.variables}, 1000)['locality'].sum() / weight

    # Measured at a style vector that no step has seen.
    assert change(10.0) < 0.7 * change(1e-6)


def test_edits_keep_the_tuned_weights(tuned):
    tuner, result = tuned
    direction = Direction(torch.ones(16))
    edited = tuner.edit(result.variables, direction, 0.4)
    assert torch.equal(edited['base'], result.variables['base'])
    host = copy.deepcopy(tuner.generator)
    for i in range(2):
        weights = {k: v[i] for k, v in result.variables.items() if k not in ('base', 'detail')}
        host.generator.load_state_dict(weights, strict=False)
        with torch.no_grad():
            detail = result.code.detail[i : i + 1] + 0.4
            expected = host(result.code.base[i : i + 1], detail)
            image = tuner.render({k: v[i : i + 1] for k, v in edited.items()})
        torch.testing.assert_close(image, expected, rtol=0, atol=1e-5)


def test_bad_settings_are_refused(make_generator, make_tuner):
    with pytest.raises(TypeError, match='is an inverter into base and detail codes, but got WPlus'):
        PivotalTuningInverter(WPlusInverter(make_generator(), losses=PIXEL))
    with pytest.raises(
        ValueError, match='locality_weight is a finite number of at least 0, but got -1'
    ):
        make_tuner(locality_weight=-1)
    with pytest.raises(ValueError, match=r"cannot compare 'detail', as the loss 'detail'"):
        make_tuner(losses=dict(detail=dict(type='PNormLoss')))
