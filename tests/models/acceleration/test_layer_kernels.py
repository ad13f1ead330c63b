# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The kernels against torch: on a GPU as they are, elsewhere in Triton's interpreter (conftest)."""

import pytest
import torch
import torch.nn.functional as F

from mmgen_bdinvert.models.acceleration import styled_convolution as layers
from mmgen_bdinvert.models.acceleration.frozen_convolution import (
    Convolution,
    DepthwiseConvolution,
    UpConvolution,
)

DEVICE = 'cuda' if torch.cuda.is_available() else 'cpu'


@pytest.fixture(scope='module')
def kernels():
    pytest.importorskip('triton')
    from mmgen_bdinvert.models.acceleration import layer_kernels

    return layer_kernels


def drawn(*shape, seed=0, dtype=torch.float32):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=rng).to(DEVICE, dtype)


@pytest.mark.parametrize('shape', [(2, 5, 9, 9), (1, 40, 3, 7)])
def test_channels_are_scaled_and_summed(kernels, shape):
    x, other, factors = drawn(*shape), drawn(*shape, seed=1), drawn(*shape[:2], seed=2)
    found, sums = kernels.scaled(x, factors, other)
    torch.testing.assert_close(found, x * factors[:, :, None, None])
    torch.testing.assert_close(sums, (x * other).sum((2, 3)), rtol=1e-4, atol=1e-5)
    assert kernels.scaled(x, factors)[1] is None


@pytest.mark.parametrize('taps, padding', [(1, 0), (4, 1), (4, 2)])
def test_a_filter_is_a_depthwise_convolution(kernels, taps, padding):
    x, kernel = drawn(2, 35, 9, 10), drawn(taps, taps, seed=1)
    found = kernels.filtered(x, kernel, padding)
    expected = F.conv2d(x, kernel.expand(35, 1, -1, -1), padding=padding, groups=35)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('noises', [1, 2])
@pytest.mark.parametrize('dtype, tolerance', [(torch.float32, 1e-4), (torch.bfloat16, 0.03)])
def test_a_layer_is_finished_and_undone(kernels, noises, dtype, tolerance):
    c = drawn(2, 5, 8, 8, dtype=dtype).requires_grad_()
    gain = drawn(2, 5, seed=1).abs().add(0.5).requires_grad_()
    noise, bias = drawn(noises, 1, 8, 8, seed=2, dtype=dtype), drawn(5, seed=3)
    with torch.enable_grad():
        z = c.float() * gain[:, :, None, None] + noise + bias[:, None, None]
        y = F.leaky_relu(z, 0.2).to(dtype)
    found = kernels.filtered(c.detach(), gain.new_ones(1, 1), 0, (gain, noise, bias, 0.2))
    torch.testing.assert_close(found, y.detach(), rtol=tolerance, atol=tolerance)
    grad = drawn(2, 5, 8, 8, seed=4, dtype=dtype)
    expected = torch.autograd.grad(y, (c, gain), grad)
    for ours, theirs in zip(
        kernels.activation_gradient(grad, y.detach(), gain.detach(), noise, bias, 0.2), expected
    ):
        torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=20 * tolerance)


@pytest.mark.parametrize('upsample', [False, True])
def test_a_whole_layer_by_kernels_is_that_by_torch(kernels, monkeypatch, upsample):
    weight = drawn(4, 6, 3, 3, seed=1)
    layer = layers.StyledLayer(
        UpConvolution(weight.transpose(0, 1), (0, 0)) if upsample else Convolution(weight),
        bias=drawn(4, seed=2),
        slope=0.2,
        blur=DepthwiseConvolution(drawn(4, 4, seed=3).expand(4, 1, 4, 4)) if upsample else None,
    )
    side = 16 if upsample else 8
    inputs = [drawn(2, 6, 8, 8), drawn(2, 6, seed=4), drawn(2, 4, seed=5), drawn(1, 1, side, side)]
    results = []
    for chosen in (None, kernels):
        monkeypatch.setattr(layers, '_kernels', lambda x, chosen=chosen: chosen)
        leaves = [value.clone().requires_grad_() for value in inputs]
        y = layers.styled_convolution(*leaves, layer)
        results.append([y.detach(), *torch.autograd.grad(y, leaves, drawn(*y.shape, seed=6))])
    for ours, theirs in zip(*results[::-1]):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


def test_without_a_compiler_for_them_it_is_said_and_plain_pytorch_is_used(kernels, monkeypatch):
    found = layers._layer_kernels.__wrapped__
    said = []
    monkeypatch.setattr(layers, 'print_log', lambda text, *args, **kwargs: said.append(text))
    monkeypatch.delenv('CC', raising=False)
    monkeypatch.setattr(layers.shutil, 'which', {'clang': '/bin/clang'}.get)
    assert found() is kernels and not said
    monkeypatch.setattr(layers.shutil, 'which', lambda name: None)
    assert found() is None and 'no C compiler' in said[0]
    monkeypatch.setenv('CC', 'cc')
    assert found() is kernels and len(said) == 1
