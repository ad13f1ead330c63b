# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The frozen synthesis of StyleGAN1 against mmgen's own modules: images and gradients."""

import pytest
import torch

from mmgen_bdinvert.models import BaseDetailGenerator
from mmgen_bdinvert.models.acceleration.precision import bfloat16_gradients
from tests.fixtures.rendering import by_mmgen, codes, image_and_gradients, relative


@pytest.fixture()
def make(make_stylegan1):
    def make(base_size=8, size=32, **settings):
        return BaseDetailGenerator(make_stylegan1(size), base_size, **settings)

    return make


@pytest.fixture()
def is_frozen(functions_of):
    return lambda image: '_AdaptiveNormBackward' in functions_of(image)


@pytest.mark.parametrize(('base_size', 'size'), [(8, 16), (8, 32), (16, 64)])
@pytest.mark.parametrize('count', [1, 3])
def test_images_and_gradients_are_those_of_mmgens_modules(make, base_size, size, count, is_frozen):
    for dtype, tolerance in ((torch.float64, 1e-11), (torch.float32, 1e-4)):
        generator = make(base_size, size).to(dtype)
        inputs = codes(generator, count)
        found = image_and_gradients(generator, *inputs)
        expected = image_and_gradients(by_mmgen(generator), *inputs)
        assert is_frozen(found[0]) and not is_frozen(expected[0])
        for ours, theirs in zip(found, expected):
            assert ours.dtype == dtype and ours.shape == theirs.shape
            assert relative(ours, theirs) <= tolerance


@pytest.mark.parametrize(('dtype', 'tolerance'), [(torch.float64, 1e-11), (torch.float32, 1e-4)])
def test_with_winograd(make, winograd, dtype, tolerance):
    generator = make(8, 32).to(dtype)
    inputs = codes(generator)
    expected = image_and_gradients(by_mmgen(generator), *inputs)
    assert not winograd
    for ours, theirs in zip(image_and_gradients(generator, *inputs), expected):
        assert relative(ours, theirs) <= tolerance
    assert winograd == [8, 16, 32, 32, 16, 8]
    if dtype == torch.float32:
        del winograd[:]
        with bfloat16_gradients():
            found = image_and_gradients(generator, *inputs)
        assert winograd == [8, 16, 32]
        assert all(1e-4 < relative(a, b) < 0.03 for a, b in zip(found[1:], expected[1:]))


@pytest.mark.parametrize('given', [True, False])
def test_a_whole_w_plus_and_its_noise_maps(make, sample_w_plus, given, is_frozen):
    generator = make(8, 32)
    w_plus = sample_w_plus(generator, count=3).double().requires_grad_()
    generator.double()
    maps = [generator._split._noise(i).double() for i in range(generator.num_latents)]
    if given:
        maps = [torch.randn(3, *m.shape[1:], dtype=torch.float64) for m in maps]
    inputs = [w_plus, *(m.requires_grad_() for m in maps if given)]
    image = generator.quick_synthesis(w_plus, inputs[1:] or None)
    expected = generator._split.synthesis(w_plus, *inputs[1:])
    assert is_frozen(image) and relative(image, expected) <= 1e-11
    results = [torch.autograd.grad(v.pow(3).sum(), inputs) for v in (image, expected)]
    for ours, theirs in zip(*results):
        assert relative(ours, theirs) <= 1e-11


@pytest.mark.parametrize('checkpointing', [False, True])
def test_lower_precisions_stay_near(make, checkpointing):
    generator = make(8, 32, checkpointing=checkpointing)
    inputs = codes(generator)
    expected = image_and_gradients(by_mmgen(generator), *inputs)
    with bfloat16_gradients():
        image = generator(*inputs)
    assert relative(image, expected[0]) < 1e-5
    for ours, theirs in zip(torch.autograd.grad(image.pow(3).sum(), inputs), expected[1:]):
        assert ours.dtype == torch.float32 and 1e-4 < relative(ours, theirs) < 0.03
    with torch.autocast('cpu', torch.bfloat16):
        image = generator(*inputs)
    assert image.dtype == torch.float32 and 1e-4 < relative(image, expected[0]) < 0.03
    with torch.autocast('cpu', torch.float16):
        assert relative(generator(*inputs), expected[0]) < 1e-5


@pytest.mark.parametrize(
    'name', ['conv1.0.conv.weight_orig', 'adain2.affine.bias', 'conv2.conv.bias']
)
def test_changed_weights_are_seen(make, name, is_frozen):
    generator = make()
    inputs = codes(generator)
    before = generator(*inputs)
    with torch.no_grad():
        generator.generator.convs[-1].get_parameter(name).add_(0.5)
    after = generator(*inputs)
    assert is_frozen(after) and relative(after, before) > 1e-3
    assert relative(after, by_mmgen(generator)(*inputs)) < 1e-5


def test_weights_that_ask_for_gradients_and_hooks_get_mmgens_modules(make, is_frozen):
    generator = make()
    inputs = codes(generator)
    weight = generator.generator.convs[-1].get_parameter('conv2.conv.weight_orig')
    weight.requires_grad_()
    image = generator(*inputs)
    assert not is_frozen(image)
    assert torch.autograd.grad(image.sum(), weight)[0].norm() > 0
    weight.requires_grad_(False)
    seen = []
    handle = generator.generator.convs[-1].conv2.register_forward_hook(lambda *_: seen.append(1))
    assert not is_frozen(generator(*inputs)) and seen
    handle.remove()
    assert is_frozen(generator(*inputs))
