# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The frozen synthesis of StyleGAN2 against mmgen's own modules: images and gradients."""

import pytest
import torch
from mmgen.registry import MODULES
from torch import nn

from mmgen_bdinvert.models import BaseDetailGenerator
from mmgen_bdinvert.models.acceleration import styled_convolution
from mmgen_bdinvert.models.acceleration.precision import bfloat16_gradients
from tests.fixtures.rendering import (
    by_mmgen,
    codes,
    image_and_gradients,
    modulated_weights,
    relative,
)


@pytest.mark.parametrize(('base_size', 'size'), [(8, 16), (8, 32), (16, 64), (32, 64)])
@pytest.mark.parametrize('count', [1, 3])
def test_images_and_gradients_are_those_of_mmgens_modules(
    make_generator, functions_of, base_size, size, count
):
    for dtype, tolerance in ((torch.float64, 1e-11), (torch.float32, 1e-4)):
        generator = make_generator(base_size, size).to(dtype)
        for layer in generator.generator.to_rgbs:
            layer.out_fp32 = False  # mmgen would round the colours of each size
        inputs = codes(generator, count)
        results = image_and_gradients(generator, *inputs)
        assert '_StyledConvolutionBackward' in functions_of(results[0])
        assert '_StyledConvolutionBackward' not in functions_of(by_mmgen(generator)(*inputs))
        for ours, expected in zip(results, image_and_gradients(by_mmgen(generator), *inputs)):
            assert ours.dtype == dtype and ours.shape == expected.shape
            assert relative(ours, expected) <= tolerance


@pytest.mark.parametrize(('dtype', 'tolerance'), [(torch.float64, 1e-11), (torch.float32, 1e-4)])
def test_with_winograd(make_generator, winograd, dtype, tolerance):
    generator = make_generator(8, 32).to(dtype)
    for layer in generator.generator.to_rgbs:
        layer.out_fp32 = False
    inputs = codes(generator)
    expected = image_and_gradients(by_mmgen(generator), *inputs)
    assert not winograd
    for ours, theirs in zip(image_and_gradients(generator, *inputs), expected):
        assert relative(ours, theirs) <= tolerance
    assert winograd == [8, 16, 32, 32, 16, 8]


def test_bfloat16_gradients_after_winograd(make_generator, winograd):
    generator = make_generator(8, 32)
    inputs = codes(generator)
    expected = image_and_gradients(by_mmgen(generator), *inputs)
    with bfloat16_gradients():
        found = image_and_gradients(generator, *inputs)
    assert winograd == [8, 16, 32]
    assert relative(found[0], expected[0]) <= 1e-5
    assert all(1e-4 < relative(a, b) < 0.03 for a, b in zip(found[1:], expected[1:]))


def test_checkpointing_does_without_winograd(make_generator, winograd):
    generator = make_generator(8, 32, checkpointing=True)
    image_and_gradients(generator, *codes(generator))
    assert not winograd


@pytest.mark.parametrize('rows', [5, 16, 128])
def test_checkpointing_in_some_rows_at_a_time(make_generator, monkeypatch, rows):
    monkeypatch.setattr(styled_convolution, '_ROWS', rows)
    generator = make_generator(8, 32, checkpointing=True).double()
    for layer in generator.generator.to_rgbs:
        layer.out_fp32 = False
    inputs = codes(generator)
    expected = image_and_gradients(by_mmgen(generator), *inputs)
    for ours, theirs in zip(image_and_gradients(generator, *inputs), expected):
        assert relative(ours, theirs) <= 1e-11


def test_checkpointed_gradients_can_be_asked_for_twice(make_generator):
    generator = make_generator(8, 32, checkpointing=True)
    inputs = codes(generator)
    loss = generator(*inputs).pow(3).sum()
    first = torch.autograd.grad(loss, inputs, retain_graph=True)
    for again, before in zip(torch.autograd.grad(loss, inputs), first):
        torch.testing.assert_close(again, before, rtol=0, atol=0)


def test_of_mmgens_own_generator_in_full_width():
    config = dict(type='StyleGANv2Generator', out_size=64, style_channels=32, num_mlps=1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        stylegan2 = MODULES.build(config)
        for parameter in stylegan2.parameters():
            if not parameter.any():
                nn.init.normal_(parameter, std=0.3)
    generator = BaseDetailGenerator(stylegan2, 16)
    inputs = codes(generator, 1)
    results = image_and_gradients(generator, *inputs)
    for ours, expected in zip(results, image_and_gradients(by_mmgen(generator), *inputs)):
        # A value next to an activation's kink falls on either side: one in ten million is enough.
        assert relative(ours, expected) <= 5e-4
    assert relative(results[0], by_mmgen(generator)(*inputs)) <= 1e-5


@pytest.mark.parametrize('wanted', [0, 1])
def test_gradients_of_one_code_alone(make_generator, wanted):
    generator = make_generator()
    inputs = codes(generator)
    both = image_and_gradients(generator, *inputs)[1 + wanted]
    alone = [v if i == wanted else v.detach() for i, v in enumerate(inputs)]
    (gradient,) = torch.autograd.grad(generator(*alone).pow(3).sum(), alone[wanted])
    torch.testing.assert_close(gradient, both, rtol=1e-6, atol=1e-7)


def test_a_whole_w_plus(make_generator, sample_w_plus):
    generator = make_generator(16, 64)
    w_plus = sample_w_plus(generator, count=3)
    with torch.no_grad():
        image = generator.quick_synthesis(w_plus)
        assert relative(image, generator.synthesis(w_plus)) <= 1e-5
    assert image.is_floating_point() and image.shape == (3, 3, 64, 64)


@pytest.mark.parametrize('count', [1, 3])
def test_styles_and_noise_maps_get_the_gradients_of_mmgens_modules(
    make_generator, sample_w_plus, functions_of, count
):
    generator = make_generator(8, 32)
    host = generator.generator
    for layer in [host.to_rgb1, *host.to_rgbs]:
        layer.out_fp32 = False
    w_plus = sample_w_plus(generator, count)
    for dtype, tolerance in ((torch.float64, 1e-11), (torch.float32, 1e-4)):
        generator.to(dtype)
        rng = torch.Generator().manual_seed(2)
        own = [getattr(host, f'injected_noise_{i}') for i in range(host.num_injected_noises)]
        maps = [torch.randn(count, *m.shape[1:], generator=rng).to(dtype) for m in own]
        maps[1] = maps[1][:1]  # one for all images
        inputs = [w_plus.to(dtype), *maps]
        inputs = [value.requires_grad_() for value in inputs]
        image = generator.quick_synthesis(inputs[0], inputs[1:])
        assert '_StyledConvolutionBackward' in functions_of(image)
        with modulated_weights(generator):
            expected = host([inputs[0]], input_is_latent=True, injected_noise=inputs[1:])
        results = [(v, *torch.autograd.grad(v.pow(3).sum(), inputs)) for v in (image, expected)]
        # mmgen rounds its images to float32.
        assert relative(results[0][0], results[1][0]) <= max(tolerance, 1e-7)
        for ours, theirs in zip(results[0][1:], results[1][1:]):
            assert ours.shape == theirs.shape
            assert relative(ours, theirs) <= max(tolerance, 2e-7)
    with bfloat16_gradients():
        image = generator.quick_synthesis(inputs[0], inputs[1:])
    for ours, theirs in zip(torch.autograd.grad(image.pow(3).sum(), inputs), results[1][1:]):
        assert relative(ours, theirs) < 0.03


def test_bfloat16_autocast_is_followed_and_float16_is_not(make_generator):
    generator = make_generator(16, 64)
    inputs = codes(generator)
    expected = image_and_gradients(generator, *inputs)
    with torch.autocast('cpu', torch.bfloat16):
        low = image_and_gradients(generator, *inputs)
    for ours, reference in zip(low, expected):
        assert ours.dtype == torch.float32
        assert 1e-4 < relative(ours, reference) < 0.1  # 8 bits in each of six layers
    assert relative(low[0], expected[0]) < 0.02
    with torch.autocast('cpu', torch.float16):
        assert torch.equal(generator(*inputs), expected[0])


@pytest.mark.parametrize('checkpointing', [False, True])
def test_bfloat16_gradients_follow_exact_images(make_stylegan2, checkpointing):
    generator = BaseDetailGenerator(make_stylegan2(64), 16, checkpointing=checkpointing)
    inputs = codes(generator)
    expected = image_and_gradients(generator, *inputs)
    with bfloat16_gradients():
        image = generator(*inputs)
    # Outside the context, as an inversion does: what is computed again must know of it.
    found = torch.autograd.grad(image.pow(3).sum(), inputs)
    assert torch.equal(image, expected[0])
    for ours, reference in zip(found, expected[1:]):
        assert ours.dtype == torch.float32
        assert 1e-4 < relative(ours, reference) < 0.02
    with bfloat16_gradients():
        doubles = [code.double() for code in inputs]
        image = generator.double()(*doubles)  # float64 is left alone
        again = torch.autograd.grad(image.pow(3).sum(), doubles)
    for ours, reference in zip(again, expected[1:]):
        assert relative(ours, reference.double()) < 1e-4


@pytest.mark.parametrize('family', ['stylegan1', 'stylegan2'])
def test_checkpointing_keeps_less_and_changes_nothing(make_stylegan1, make_stylegan2, family):
    stylegan = (make_stylegan1 if family == 'stylegan1' else make_stylegan2)(64)
    results, kept = [], []
    for checkpointing in (False, True):
        generator = BaseDetailGenerator(stylegan, 8, checkpointing=checkpointing)
        inputs, sizes = codes(generator), []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda x, sizes=sizes: sizes.append(x.numel()) or x, lambda x: x
        ):
            image = generator(*inputs)
        results.append((image, *torch.autograd.grad(image.pow(3).sum(), inputs)))
        kept.append(sum(sizes))
    assert kept[1] < 0.5 * kept[0]
    for ours, expected in zip(*results):
        assert torch.equal(ours, expected)


@pytest.mark.parametrize('rows', [5, 16])
def test_products_of_some_rows_at_a_time(make_generator, sample_w_plus, monkeypatch, rows):
    generator = make_generator(8, 32)
    w_plus = sample_w_plus(generator, 2).double().requires_grad_()
    host = generator.double().generator
    maps = [getattr(host, f'injected_noise_{i}') for i in range(host.num_injected_noises)]
    maps[0] = maps[0].repeat(2, 1, 1, 1)  # one for each image, the others for all
    results = []
    for at_a_time in (1024, rows):
        monkeypatch.setattr(styled_convolution, '_ROWS', at_a_time)
        image = generator.quick_synthesis(w_plus, maps)
        results.append(torch.autograd.grad(image.pow(3).sum(), w_plus)[0])
    assert relative(*results) <= 1e-13


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_on_a_gpu(make_generator):
    generator = make_generator(16, 64)
    inputs = codes(generator)
    expected = image_and_gradients(generator, *inputs)
    moved = [code.detach().cuda().requires_grad_() for code in inputs]
    torch.backends.cudnn.allow_tf32 = False
    for ours, reference in zip(image_and_gradients(generator.cuda(), *moved), expected):
        assert relative(ours.cpu(), reference) <= 1e-4
