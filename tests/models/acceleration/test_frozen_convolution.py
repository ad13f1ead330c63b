# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Convolutions with constant weights against torch's own, and autograd's gradients."""

import pytest
import torch
import torch.nn.functional as F

from mmgen_bdinvert.models.acceleration import frozen_convolution as convolution
from mmgen_bdinvert.models.acceleration.frozen_convolution import (
    Convolution,
    DepthwiseConvolution,
    UpConvolution,
    WinogradConvolution,
    frozen_convolution,
)


def drawn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def check(kind, by_torch, x, bias, tolerance=1e-12):
    """Compare value and gradient of ``kind`` with what ``by_torch`` and autograd make of x."""
    results = []
    for convolve in (lambda x: frozen_convolution(x, kind, kind, bias), by_torch):
        leaf = x.clone().requires_grad_()
        value = convolve(leaf)
        (gradient,) = torch.autograd.grad(value, leaf, drawn(*value.shape, seed=9).to(value))
        results.append((value.detach(), gradient))
    for ours, theirs in zip(*results):
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
        assert (ours - theirs).norm() <= tolerance * theirs.norm()


@pytest.mark.parametrize('side', [4, 20])  # the weight is larger than the map, and smaller
@pytest.mark.parametrize(
    'kernel, padding',
    [((3, 3), (1, 1)), ((1, 1), (0, 0)), ((3, 5), (2, 0)), ((4, 2), (0, 1)), ((1, 1), (1, 0))],
)
def test_stride_1(side, kernel, padding):
    weight, bias = drawn(6, 5, *kernel), drawn(6, seed=1)
    x = drawn(2, 5, side, side + 3, seed=2)
    check(
        Convolution(weight, padding), lambda x: F.conv2d(x, weight, bias, padding=padding), x, bias
    )


@pytest.mark.parametrize('side, padding', [(3, (0, 0)), (4, (1, 1))])
def test_up_sampling(side, padding):
    weight = drawn(5, 6, side, side)
    up = UpConvolution(weight, padding)
    x = drawn(2, 5, 7, 9, seed=2)
    check(up, lambda x: F.conv_transpose2d(x, weight, stride=2, padding=padding), x, None)


def test_depthwise():
    weight = drawn(5, 1, 4, 4)
    depthwise = DepthwiseConvolution(weight, (2, 1))
    x = drawn(2, 5, 7, 9, seed=2)
    check(depthwise, lambda x: F.conv2d(x, weight, padding=(2, 1), groups=5), x, None)


@pytest.mark.parametrize('with_bias', [True, False])
@pytest.mark.parametrize('shape', [(1, 5, 4, 1), (3, 5, 8, 7), (2, 5, 28, 16)])
def test_winograd(monkeypatch, shape, with_bias):
    monkeypatch.setattr(convolution, '_STRIP', 8 * shape[0] * shape[1] * shape[3])  # eight rows
    weight = drawn(6, 5, 3, 3)
    bias = drawn(6, seed=1) if with_bias else None
    x = drawn(*shape, seed=2)
    for layout in (torch.contiguous_format, torch.channels_last):
        x = x.contiguous(memory_format=layout)
        plain = lambda x: F.conv2d(x, weight, bias, padding=1)  # noqa: E731
        check(WinogradConvolution(weight), plain, x, bias)


def test_winograd_rounds_little_more_than_torch():
    weight, x = drawn(64, 64, 3, 3), drawn(1, 64, 64, 64, seed=1)
    exact = F.conv2d(x, weight, padding=1)
    ours = WinogradConvolution(weight.float())(x.float())
    theirs = F.conv2d(x.float(), weight.float(), padding=1)
    assert ours.dtype == torch.float32
    assert (ours - exact).norm() <= 4 * (theirs - exact).norm()


def test_where_winograd_pays():
    def pays(channels=64, height=64, width=64, dtype=torch.float32, kernel=3, out=64):
        x = torch.empty(1, channels, height, width, dtype=dtype)
        return WinogradConvolution.pays(x, torch.empty(out, channels, kernel, kernel))

    assert pays() and pays(dtype=torch.float64) and pays(out=128)
    assert not pays(dtype=torch.bfloat16)
    assert not pays(height=66) and not pays(kernel=5) and not pays(out=32)
    assert pays(height=32) and not pays(height=16)
    assert pays(192, 32, 32, out=192) and not pays(192, 16, 16, out=192)
    assert pays(512, 64, out=512) and not pays(512, 32, 32, out=512)


def test_a_backward_pass_of_another_dtype():
    weight = drawn(6, 5, 3, 3, dtype=torch.float32)
    x = drawn(1, 5, 8, 8, seed=1, dtype=torch.float32).requires_grad_()
    value = frozen_convolution(x, Convolution(weight), Convolution(weight.bfloat16()))
    (found,) = torch.autograd.grad(value, x, torch.ones_like(value))
    expected = F.conv2d(torch.ones_like(value), weight.flip(2, 3).transpose(0, 1), padding=1)
    torch.testing.assert_close(value, F.conv2d(x, weight, padding=1))
    assert found.dtype == torch.float32
    assert 1e-4 < (found - expected).norm() / expected.norm() < 1e-2


@pytest.mark.parametrize('kind', [Convolution, WinogradConvolution])
def test_autocast_changes_nothing(kind):
    weight, x = drawn(6, 5, 3, 3).float(), drawn(1, 5, 8, 8, seed=1).float()
    kind = kind(weight)
    with torch.autocast('cpu', torch.bfloat16):
        check(
            kind, lambda x: F.conv2d(x.double(), weight.double(), padding=1).float(), x, None, 1e-5
        )


def test_winograd_refuses_other_heights():
    with pytest.raises(ValueError, match='divide by four here, but got 6'):
        WinogradConvolution(drawn(6, 5, 3, 3))(drawn(1, 5, 6, 8))
