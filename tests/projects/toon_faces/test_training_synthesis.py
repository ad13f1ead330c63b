# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Synthesis with trained weights, against mmgen's modules."""

import torch

from mmgen_bdinvert.models import NarrowStyleGANv2Generator
from projects.toon_faces.training_synthesis import synthesize


def random_generator():
    torch.manual_seed(0)
    generator = NarrowStyleGANv2Generator(32, 16, {4: 8, 8: 12, 16: 8, 32: 4}, num_mlps=2)
    for parameter in generator.parameters():
        if parameter.numel() > 1:  # not the noise's weights, which are 0
            torch.nn.init.normal_(parameter)
    return generator


def test_images_and_gradients_are_those_of_the_modules():
    generator = random_generator()
    styles = torch.randn(2, generator.num_latents, 16, requires_grad=True)
    trained = [p for n, p in generator.named_parameters() if 'noise' not in n and 'map' not in n]
    results = []
    for render in (synthesize, lambda g, w: g([w], input_is_latent=True)):
        generator.zero_grad()
        image = render(generator, styles)
        grads = torch.autograd.grad(image.square().sum(), [styles, *trained], create_graph=True)
        grads[0].square().sum().backward()  # as path length regularisation differentiates
        results.append([image.detach(), *grads, *(p.grad for p in trained if p.grad is not None)])
    assert len(results[0]) == len(results[1]) > 2 * len(trained)
    for ours, theirs in zip(*results):
        torch.testing.assert_close(ours, theirs, rtol=2e-3, atol=2e-4 * theirs.abs().max().item())


def test_trained_weights_show_in_the_next_image():
    generator = random_generator()
    styles = torch.randn(1, generator.num_latents, 16)
    with torch.no_grad():
        first = synthesize(generator, styles)
        generator.convs[-1].conv.weight_orig.normal_()
        second = synthesize(generator, styles)
        expected = generator([styles], input_is_latent=True)
    assert (first - second).abs().max() > 0.1
    torch.testing.assert_close(second, expected, rtol=1e-4, atol=1e-4)


def test_bfloat16_is_close():
    generator = random_generator()
    styles = torch.randn(2, generator.num_latents, 16)
    with torch.no_grad():
        exact, fast = synthesize(generator, styles), synthesize(generator, styles, torch.bfloat16)
    assert fast.dtype == torch.float32
    assert (fast - exact).abs().mean() < 0.02 * exact.abs().mean()
