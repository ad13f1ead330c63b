# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import copy

import pytest
import torch
from torch import nn

from mmgen_bdinvert.models.acceleration.image_convolution import (
    FrozenConv2d,
    accelerate_convolutions,
)
from mmgen_bdinvert.models.acceleration.precision import bfloat16_gradients


def value_and_gradient(module, images, seed=1):
    images = images.clone().requires_grad_()
    found = module(images)
    weights = torch.randn(found.shape, generator=torch.Generator().manual_seed(seed))
    (found.float() * weights).sum().backward()
    return found.detach(), images.grad


@pytest.mark.parametrize('kernel, padding', [(3, 1), (11, 2), (5, 0)])
@pytest.mark.parametrize('size', [(16, 22), (17, 20)])
def test_images_and_gradients_are_those_of_torch(kernel, padding, size):
    torch.manual_seed(0)
    plain = nn.Conv2d(3, 8, kernel, padding=padding, dtype=torch.float64).requires_grad_(False)
    frozen = copy.deepcopy(plain)
    accelerate_convolutions(frozen)
    assert type(frozen) is FrozenConv2d
    images = torch.randn(2, 3, *size, dtype=torch.float64)
    for ours, theirs in zip(value_and_gradient(frozen, images), value_and_gradient(plain, images)):
        torch.testing.assert_close(ours, theirs)


def test_autocast_is_followed():
    torch.manual_seed(0)
    plain = nn.Conv2d(3, 8, 3, padding=1).requires_grad_(False)
    frozen = copy.deepcopy(plain)
    accelerate_convolutions(frozen)
    images = torch.randn(2, 3, 16, 16)
    with torch.autocast('cpu', torch.bfloat16):
        found, expected = value_and_gradient(frozen, images), value_and_gradient(plain, images)
    assert found[0].dtype == torch.bfloat16 and found[1].dtype == torch.float32
    for ours, theirs in zip(found, expected):
        torch.testing.assert_close(ours, theirs, rtol=0.05, atol=0.05)


@pytest.mark.parametrize('channels', [3, 8])
def test_bfloat16_gradients_follow_exact_values(channels):
    torch.manual_seed(0)
    plain = nn.Conv2d(channels, 8, 3, padding=1).requires_grad_(False)
    frozen = copy.deepcopy(plain)
    accelerate_convolutions(frozen)
    images = torch.randn(2, channels, 16, 16)
    with bfloat16_gradients():
        found, expected = value_and_gradient(frozen, images), value_and_gradient(plain, images)
    torch.testing.assert_close(found[0], expected[0])
    assert found[1].dtype == torch.float32
    error = (found[1] - expected[1]).norm() / expected[1].norm()
    assert 1e-5 < error < 1e-2


def test_weights_in_bfloat16_follow_a_load():
    torch.manual_seed(0)
    frozen, other = (nn.Conv2d(8, 8, 3, padding=1).requires_grad_(False) for _ in range(2))
    accelerate_convolutions(frozen)
    images = torch.randn(1, 8, 8, 8)
    with torch.autocast('cpu', torch.bfloat16):
        frozen(images)
        frozen.load_state_dict(other.state_dict())
        torch.testing.assert_close(frozen(images), other(images), rtol=0.05, atol=0.05)


@pytest.mark.parametrize(
    'height, padding, used', [(16, 1, True), (18, 1, False), (16, 0, False), (16, 2, False)]
)
def test_with_winograd(winograd, height, padding, used):
    torch.manual_seed(0)
    plain = nn.Conv2d(8, 6, 3, padding=padding, dtype=torch.float64).requires_grad_(False)
    frozen = copy.deepcopy(plain)
    accelerate_convolutions(frozen)
    maps = torch.randn(2, 8, height, 11, dtype=torch.float64)
    for ours, theirs in zip(value_and_gradient(frozen, maps), value_and_gradient(plain, maps)):
        torch.testing.assert_close(ours, theirs)
    assert winograd == [height] * 2 * used  # forward and backward pass


def test_winograd_is_not_for_gradients_in_bfloat16(winograd):
    frozen = nn.Conv2d(8, 6, 3, padding=1).requires_grad_(False)
    accelerate_convolutions(frozen)
    with bfloat16_gradients():
        value_and_gradient(frozen, torch.randn(2, 8, 16, 11))
    assert winograd == [16]


def test_weights_that_are_written_to_in_between_are_noticed():
    frozen = nn.Conv2d(8, 6, 3, padding=1).requires_grad_(False)
    accelerate_convolutions(frozen.to(memory_format=torch.channels_last))  # used as they are
    maps = torch.randn(1, 8, 8, 8).requires_grad_()
    value = frozen(maps)
    frozen.weight.zero_()
    with pytest.raises(RuntimeError, match='modified by an inplace operation'):
        value.sum().backward()


def test_what_torch_computes_itself():
    frozen = nn.Conv2d(8, 6, 3, padding=1)
    accelerate_convolutions(frozen)
    frozen(torch.randn(1, 8, 8, 8)).sum().backward()  # weights that ask for gradients
    assert frozen.weight.grad is not None and frozen.bias.grad is not None
    frozen.requires_grad_(False)
    assert frozen(torch.randn(8, 8, 8)).shape == (6, 8, 8)
    assert frozen(torch.randn(0, 8, 8, 8)).shape == (0, 6, 8, 8)


def test_other_convolutions_stay():
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2), nn.Conv2d(8, 8, 3, dilation=2), nn.Conv2d(3, 3, 3, groups=3)
    )
    accelerate_convolutions(network)
    assert {type(module) for module in network} == {nn.Conv2d}
