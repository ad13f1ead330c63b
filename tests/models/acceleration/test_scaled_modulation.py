# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import copy

import pytest
import torch
from mmgen.models.architectures.stylegan.modules.styleganv2_modules import (
    ModulatedConv2d,
    ModulatedStyleConv,
)

from mmgen_bdinvert.models.acceleration.scaled_modulation import (
    ScaledModulatedConv2d,
    scale_activations,
)


def pair(**settings):
    """Return mmgen's layer and ours, with the same float64 weights."""
    torch.manual_seed(0)
    reference = ModulatedConv2d(5, 4, 3, style_channels=6, **settings).double()
    ours = scale_activations(copy.deepcopy(reference))
    assert type(ours) is ScaledModulatedConv2d and type(reference) is ModulatedConv2d
    return reference, ours


def inputs(count=3):
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(count, 5, 6, 8, generator=rng).double()
    style = torch.randn(count, 6, generator=rng).double()
    return x.requires_grad_(), style.requires_grad_()


@pytest.mark.parametrize('demodulate', [True, False])
@pytest.mark.parametrize('settings', [dict(), dict(upsample=True), dict(downsample=True)])
def test_result_and_gradients_are_those_of_mmgen(settings, demodulate):
    reference, ours = pair(demodulate=demodulate, style_bias=0.1, **settings)
    results, gradients = [], []
    for layer in (reference, ours):
        x, style = inputs()
        result = layer(x, style)
        result.pow(3).sum().backward()
        weights = {k: p.grad for k, p in layer.named_parameters()}
        results.append(result)
        gradients.append({'x': x.grad, 'style': style.grad, **weights})
    torch.testing.assert_close(results[1], results[0], rtol=1e-10, atol=1e-10)
    assert set(gradients[0]) == set(gradients[1]) and len(gradients[0]) == 5
    for name, expected in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], expected, rtol=1e-9, atol=1e-9)


def test_input_gain_is_left_to_mmgen():
    reference, ours = pair()
    x, style = inputs()
    gain = torch.linspace(0.5, 2, 5).double()
    torch.testing.assert_close(ours(x, style, gain), reference(x, style, gain))


def test_every_modulated_convolution_inside_is_reached():
    layer = ModulatedStyleConv(5, 4, 3, style_channels=6)
    names = list(layer.state_dict())
    assert scale_activations(layer) is layer
    assert type(layer.conv) is ScaledModulatedConv2d
    assert list(layer.state_dict()) == names
    assert type(scale_activations(layer).conv) is ScaledModulatedConv2d  # twice is harmless
