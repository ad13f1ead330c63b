# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What is derived from frozen weights follows them, and gives way to mmgen's modules."""

import copy

import pytest
import torch
from torch.func import functional_call

from mmgen_bdinvert.models.derived import Derived
from tests.fixtures.rendering import by_mmgen, codes, relative


def changes():
    """Ways in which weights change, by name."""

    def load(generator, other):
        generator.load_state_dict(other.state_dict())

    def write(generator, other):
        with torch.no_grad():
            for own, new in zip(generator.parameters(), other.parameters()):
                own.copy_(new)

    def replace(generator, other):
        host = generator.generator
        host.convs[-1].conv.weight_orig = copy.deepcopy(other.generator.convs[-1].conv.weight_orig)

    def move(generator, other):
        generator.half().float()  # the values are rounded

    def noise(generator, other):
        generator.generator.injected_noise_5.mul_(2)

    def colours(generator, other):
        generator.generator.to_rgbs[-1].conv.weight_orig.mul_(2)

    return [load, write, replace, move, noise, colours]


@pytest.mark.parametrize('change', changes(), ids=lambda change: change.__name__)
def test_changed_weights_are_seen(make_generator, change):
    generator, other = make_generator(), make_generator(seed=1)
    inputs = codes(generator)
    with torch.no_grad():
        before = generator(*inputs)
        change(generator, other)
        after = generator(*inputs)
        expected = by_mmgen(generator)(*inputs)
    assert relative(after, expected) <= 1e-5
    assert relative(after, before) > 1e-4


def test_weights_that_ask_for_gradients_get_them(make_generator):
    generator = make_generator()
    base, detail = (code.detach() for code in codes(generator))
    weight = generator.generator.convs[-1].conv.weight_orig.requires_grad_()
    image = generator(base, detail)
    (gradient,) = torch.autograd.grad(image.pow(3).sum(), weight)
    (expected,) = torch.autograd.grad(by_mmgen(generator)(base, detail).pow(3).sum(), weight)
    assert relative(gradient, expected) <= 1e-4 and expected.norm() > 0


def test_weights_of_another_call_do_not_stay(make_generator):
    generator, other = make_generator(), make_generator(seed=1)
    inputs = codes(generator)
    with torch.no_grad():
        own, theirs = generator(*inputs), other(*inputs)
        weights = dict(other.named_parameters()) | dict(other.named_buffers())
        assert torch.equal(functional_call(generator, weights, inputs), theirs)
        assert torch.equal(generator(*inputs), own)


@pytest.mark.parametrize('layer', ['convs.5', 'convs.5.conv.style_modulation', 'to_rgbs.1'])
def test_forward_hooks_still_see_their_layer(make_generator, layer):
    generator, seen = make_generator(), []
    inputs = codes(generator)
    image = generator(*inputs)
    host = generator.generator
    hook = host.get_submodule(layer).register_forward_hook(lambda *_: seen.append(1))
    torch.testing.assert_close(generator(*inputs), image, rtol=0, atol=1e-5)
    assert seen == [1]
    hook.remove()
    assert torch.equal(generator(*inputs), image) and seen == [1]


def test_a_derived_value_is_computed_once_for_one_state():
    calls = []
    derived = Derived(lambda factor: calls.append(factor))
    tensor = torch.ones(3)
    for _ in range(2):
        derived([tensor], 2)
    assert calls == [2]
    derived([tensor], 3)
    derived([tensor.clone()], 3)
    tensor.add_(1)
    derived([tensor], 3)
    assert calls == [2, 3, 3, 3]


def test_values_of_another_state_computed_meanwhile_are_not_mixed_up():
    one, two = torch.ones(1), torch.zeros(1)
    state, found = [one], []

    def compute():
        mine = state[0]
        if mine is one:  # what another thread may do in between
            state[0] = two
            found.append(derived([two]))
        return mine

    derived = Derived(compute)
    assert derived([one]) is one
    assert found == [two] and derived([two]) is two
