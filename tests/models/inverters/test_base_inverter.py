# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Settings and hooks of all inverters; test_optimization.py tests the loop itself."""

import contextlib

import pytest
import torch

from mmgen_bdinvert.editing import Direction
from mmgen_bdinvert.models import RegularizedInverter, WPlusInverter
from mmgen_bdinvert.models.inverters import base_inverter

PIXEL = dict(pixel=dict(type='PixelMSELoss'))


@pytest.fixture(scope='module')
def images(make_generator, sample_w_plus):
    generator = make_generator()
    return generator.synthesis(sample_w_plus(generator, count=3, seed=5)).clamp(-1, 1).detach()


@pytest.fixture(scope='module')
def make_w_plus(make_generator, fit_statistics):
    def make(**settings):
        generator = make_generator()
        settings = dict(losses=PIXEL, optimizer=dict(type='Adam', lr=0.05), **settings)
        return WPlusInverter(generator, statistics=fit_statistics(generator), **settings)

    return make


def test_no_step_gives_the_first_values(make_inverter, images):
    inverter = make_inverter(num_steps=0)
    calls = []
    result = inverter.invert(images, lambda *arguments: calls.append(arguments[:2]))
    with torch.no_grad():
        base = inverter.encoder(images.flip(1))  # RGB
    assert torch.equal(result.code.base, base)
    mean = inverter.generator.mean_latent
    assert torch.equal(result.code.detail, mean.expand_as(result.code.detail))
    assert {values.shape for values in result.history.values()} == {(1, 3)}
    assert calls == [(0, 0)] and result.stopped_at.tolist() == [-1, -1, -1]


@pytest.mark.parametrize('checkpointing', [False, True])
def test_freed_memory_is_kept_unless_it_is_scarce(
    make_inverter, images, monkeypatch, checkpointing
):
    inverter, used = make_inverter(num_steps=0), []
    monkeypatch.setattr(inverter.generator, 'checkpointing', checkpointing)
    for name in ('kept_memory', 'returned_memory'):

        def context(name=name):
            used.append(name)
            return contextlib.nullcontext()

        monkeypatch.setattr(base_inverter, name, context)
    inverter.invert(images)
    assert used == ['returned_memory' if checkpointing else 'kept_memory']


def test_the_best_state_is_kept_where_the_last_is_worse(make_inverter, images):
    settings = dict(losses=PIXEL, num_steps=8, optimizer=dict(type='Adam', lr=3.0))
    plain = make_inverter(**settings).invert(images)
    best = make_inverter(**settings, keep_best=True).invert(images)
    lowest = plain.history['total'].min(0).values
    assert (plain.history['total'][-1] > lowest).any()  # such long steps overshoot
    error = (best.reconstruction - images).square().mean((1, 2, 3))
    torch.testing.assert_close(error, lowest)
    assert torch.equal(best.history['total'][-1], lowest)  # the last row is that of the result
    assert torch.equal(best.history['pixel'][:-1], plain.history['pixel'][:-1])


def test_variables_render_the_reconstruction(make_inverter, make_w_plus, images):
    for inverter in (make_inverter(num_steps=2), make_w_plus(num_steps=2)):
        result = inverter.invert(images)
        assert not any(value.requires_grad for value in result.variables.values())
        with torch.no_grad():
            assert torch.equal(inverter.render(result.variables), result.reconstruction)


def test_a_loss_of_none_is_left_out(make_inverter, images):
    losses = dict(PIXEL, base=None)
    inverter = make_inverter(losses, num_steps=1)
    assert list(inverter.losses) == ['pixel']
    assert set(inverter.invert(images).history) == {'pixel', 'total'}


def test_clipping_bounds_the_whitened_detail_code(make_inverter, images):
    settings = dict(losses=PIXEL, num_steps=20, optimizer=dict(type='Adam', lr=0.2))
    free = make_inverter(**settings).invert(images)
    inverter = make_inverter(**settings, clip=0.5)
    clipped = inverter.invert(images)
    largest = [inverter.statistics.whiten(r.code.detail).abs().max() for r in (free, clipped)]
    assert largest[0] > 1
    assert largest[1] <= 0.5 + 1e-3  # whitening and back rounds
    assert clipped.history['total'][-1].mean() < clipped.history['total'][0].mean()


def test_bad_clipping_is_refused(make_inverter):
    with pytest.raises(ValueError, match='clip is a finite number above 0, but got 0'):
        make_inverter(clip=0)
    with pytest.raises(ValueError, match='clip=1 needs the latent statistics: set statistics='):
        make_inverter(PIXEL, statistics=None, clip=1)


def test_w_has_one_style_vector_for_all_layers(make_w_plus, images):
    inverter = make_w_plus(num_steps=30, one_style=True)
    result = inverter.invert(images)
    styles = result.variables['styles']
    assert styles.shape == (3, 1, 16)
    with torch.no_grad():
        w_plus = styles.expand(3, 8, 16)
        expected = inverter.generator.synthesis(w_plus)
    assert (result.reconstruction - expected).norm() <= 1e-5 * expected.norm()
    split = inverter.generator.split(w_plus)
    assert torch.equal(result.code.base, split.base)
    assert torch.equal(result.code.detail, split.detail)
    assert (result.history['total'][-1] < result.history['total'][0]).all()


@pytest.mark.parametrize('layers', [None, [2, 5]])
def test_edits_add_the_direction_to_the_style_vectors(make_inverter, make_w_plus, images, layers):
    vector = torch.randn(8, 16, generator=torch.Generator().manual_seed(3))
    direction = Direction(vector)
    rows = range(8) if layers is None else layers
    inverters = (
        make_inverter(num_steps=0),
        make_inverter(num_steps=2, detail_space='pnorm'),
        make_w_plus(num_steps=0),
    )
    for inverter in inverters:
        result = inverter.invert(images)
        variables = result.variables
        edited = inverter.edit(variables, direction, 2.0, layers)
        if isinstance(inverter, RegularizedInverter):
            first, change = 2, edited['detail'] - result.code.detail
            assert torch.equal(edited['base'], variables['base'])
            rendered = inverter.render(edited)
            assert torch.equal(rendered, inverter.generator(edited['base'], edited['detail']))
        else:
            first, change = 0, edited['styles'] - variables['styles']
        expected = torch.zeros(8, 16)
        expected[list(rows)] = 2 * vector[list(rows)]
        for image in change:
            torch.testing.assert_close(image, expected[first:], rtol=0, atol=1e-5)


def test_an_edit_in_w_ends_in_w_plus(make_w_plus, images):
    inverter = make_w_plus(num_steps=0, one_style=True)
    variables = inverter.invert(images).variables
    edited = inverter.edit(variables, Direction(torch.ones(16)), 0.5, [3])
    assert edited['styles'].shape == (3, 8, 16)
    change = (edited['styles'] - variables['styles']).round(decimals=4)
    assert change[:, 3].unique().tolist() == [0.5]
    assert change[:, [0, 1, 2, 4, 5, 6, 7]].unique().tolist() == [0]
    assert variables['styles'].shape == (3, 1, 16)


@pytest.mark.parametrize(
    ('own', 'chosen', 'edited'),
    [
        ([1, 4], None, [1, 4]),
        ([1, 4], [2], [2]),
        (None, iter([3, 6]), [3, 6]),
        ([0], (layer for layer in (5, 7)), [5, 7]),
    ],
)
def test_layers_of_a_direction_and_layers_that_are_given_one_by_one(
    make_w_plus, images, own, chosen, edited
):
    """W+ edited all layers whatever the direction's, and none when it was given an iterator."""
    inverter = make_w_plus(num_steps=0)
    variables = inverter.invert(images).variables
    changed = inverter.edit(variables, Direction(torch.ones(16), layers=own), 0.5, chosen)
    change = (changed['styles'] - variables['styles']).abs().amax((0, 2))
    assert change.nonzero().flatten().tolist() == edited


def test_a_foreign_direction_is_refused(make_inverter, make_w_plus, images):
    direction = Direction(torch.ones(16), fingerprint='0' * 64)
    for inverter in (make_inverter(num_steps=0), make_w_plus(num_steps=0)):
        variables = inverter.invert(images).variables
        with pytest.raises(ValueError, match='was made with another generator'):
            inverter.edit(variables, direction, 1.0)


def test_bfloat16_finds_about_the_same_code(make_inverter, images):
    exact = make_inverter(num_steps=30).invert(images)
    inverter = make_inverter(num_steps=30, amp=True)
    rounded = inverter.invert(images)
    assert not torch.equal(rounded.code.base, exact.code.base)
    assert {v.dtype for v in rounded.variables.values()} == {torch.float32}
    with torch.no_grad():  # the result itself is not rounded
        assert torch.equal(inverter.render(rounded.variables), rounded.reconstruction)
    first, last = exact.history['total'][0], exact.history['total'][-1]
    # What it reaches differs by less than a hundredth of what the optimisation gains.
    gap = (rounded.history['total'][-1] - last).abs()
    assert (gap < 0.01 * (first - last)).all()


@pytest.mark.parametrize('gains', [True, False])
def test_gradients_in_bfloat16_leave_the_losses_exact(make_inverter, images, monkeypatch, gains):
    monkeypatch.setattr(base_inverter, 'gains_from_bfloat16_gradients', lambda device: gains)
    exact = make_inverter(num_steps=30).invert(images)
    rounded = make_inverter(num_steps=30, amp='gradients').invert(images)
    totals, expected = rounded.history['total'], exact.history['total']
    assert torch.equal(totals[0], expected[0])
    if not gains:
        assert torch.equal(totals, expected)
        return
    assert not torch.equal(totals, expected)
    torch.testing.assert_close(totals, expected, rtol=0.01, atol=0)


def test_lbfgs_inverts_each_image_as_alone(make_inverter, images):
    inverter = make_inverter(num_steps=30, optimizer=dict(type='ImageLBFGS'), keep_best=True)
    result = inverter.invert(images)
    totals = result.history['total']
    assert torch.equal(totals[-1], totals.min(0).values)
    assert (totals[-1] < 0.9 * totals[0]).all()
    alone = inverter.invert(images[1:2]).history['total']
    torch.testing.assert_close(alone[:6, 0], totals[:6, 1], rtol=1e-3, atol=0)
