# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import copy

import pytest
import torch
from torch import nn

from mmgen_bdinvert.models import STLPIPSLoss
from mmgen_bdinvert.models.acceleration.blurred_convolution import BlurredSequential
from mmgen_bdinvert.models.acceleration.frozen_modules import restore_modules
from mmgen_bdinvert.models.acceleration.precision import bfloat16_gradients
from mmgen_bdinvert.models.derived import Derived


@pytest.fixture(scope='module')
def accelerated():
    return STLPIPSLoss().network.net.double()


@pytest.fixture(scope='module')
def plain(accelerated):
    network = copy.deepcopy(accelerated)
    restore_modules(network)
    return network


def maps_and_gradient(network, images):
    images = images.clone().requires_grad_()
    maps = network(images)
    rng = torch.Generator().manual_seed(1)
    for part in maps:
        (part * torch.randn(part.shape, generator=rng)).sum().backward(retain_graph=True)
    return [*(part.detach() for part in maps), images.grad]


@pytest.mark.parametrize('size', [(32, 32), (48, 26), (31, 32)])
def test_maps_and_gradients_are_those_of_the_package(accelerated, plain, size):
    assert type(accelerated.slice1) is BlurredSequential and type(plain.slice1) is nn.Sequential
    images = torch.randn(2, 3, *size, dtype=torch.float64)
    for ours, theirs in zip(
        maps_and_gradient(accelerated, images), maps_and_gradient(plain, images)
    ):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize('precision', ['bfloat16', 'bfloat16 gradients'])
def test_lower_precisions_stay_near(accelerated, plain, precision):
    accelerated, plain = copy.deepcopy(accelerated).float(), copy.deepcopy(plain).float()
    images = torch.randn(2, 3, 32, 32)
    if precision == 'bfloat16':
        with torch.autocast('cpu', torch.bfloat16):
            found = maps_and_gradient(accelerated, images)
    else:
        with bfloat16_gradients():
            found = maps_and_gradient(accelerated, images)
    *maps, gradient = maps_and_gradient(plain, images)
    assert found[-1].dtype == torch.float32
    limit = 0.1 if precision == 'bfloat16' else 0.02
    assert (found[-1] - gradient).norm() / gradient.norm() < limit
    for ours, theirs in zip(found, maps):
        error = (ours - theirs).norm() / theirs.norm()
        assert error < (0.02 if precision == 'bfloat16' else 1e-5)


def test_only_images_of_even_sides_are_merged(accelerated, monkeypatch):
    merged, merge = [], BlurredSequential._convolve_and_blur

    def spy(self, images):
        merged.append(tuple(images.shape))
        return merge(self, images)

    monkeypatch.setattr(BlurredSequential, '_convolve_and_blur', spy)
    for side in (31, 32):
        accelerated(torch.randn(1, 3, side, 32, dtype=torch.float64))
    assert merged == [(1, 3, 32, 32)]


def test_restored_modules_keep_nothing_of_it(accelerated, plain):
    assert isinstance(accelerated.slice1.kernels, Derived)
    assert not any(
        isinstance(v, Derived) for module in plain.modules() for v in vars(module).values()
    )


def test_merged_kernels_follow_a_load(accelerated):
    network, images = copy.deepcopy(accelerated), torch.randn(1, 3, 32, 32, dtype=torch.float64)
    before = network(images)[0]
    state = {name: 2 * value for name, value in network.state_dict().items() if 'filt' not in name}
    network.load_state_dict(state, strict=False)
    torch.testing.assert_close(network(images)[0], 2 * before)


def test_a_first_look_in_inference_mode_does_no_harm():
    loss, images = STLPIPSLoss(), torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        state = loss.prepare(images.clone())
    state = tuple(part.clone() for part in state)
    images.add_(0.1).requires_grad_()
    loss(images, state).sum().backward()
    assert images.grad.abs().sum() > 0
