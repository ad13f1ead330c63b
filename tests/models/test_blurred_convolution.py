# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import copy

import pytest
import torch
from torch import nn

from mmgen_bdinvert.models import STLPIPSLoss
from mmgen_bdinvert.models.losses.blurred_convolution import BlurredSequential
from mmgen_bdinvert.models.losses.frozen_convolution import restore_modules
from mmgen_bdinvert.models.precision import half_gradients


@pytest.fixture(scope='module')
def quick():
    return STLPIPSLoss().network.net.double()


@pytest.fixture(scope='module')
def plain(quick):
    network = copy.deepcopy(quick)
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
def test_maps_and_gradients_are_those_of_the_package(quick, plain, size):
    assert type(quick.slice1) is BlurredSequential and type(plain.slice1) is nn.Sequential
    images = torch.randn(2, 3, *size, dtype=torch.float64)
    for ours, theirs in zip(maps_and_gradient(quick, images), maps_and_gradient(plain, images)):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize('precision', ['bfloat16', 'half gradients'])
def test_lower_precisions_stay_near(quick, plain, precision):
    quick, plain = copy.deepcopy(quick).float(), copy.deepcopy(plain).float()
    images = torch.randn(2, 3, 32, 32)
    if precision == 'bfloat16':
        with torch.autocast('cpu', torch.bfloat16):
            found = maps_and_gradient(quick, images)
    else:
        with half_gradients():
            found = maps_and_gradient(quick, images)
    *maps, gradient = maps_and_gradient(plain, images)
    assert found[-1].dtype == torch.float32
    limit = 0.1 if precision == 'bfloat16' else 0.02
    assert (found[-1] - gradient).norm() / gradient.norm() < limit
    for ours, theirs in zip(found, maps):
        error = (ours - theirs).norm() / theirs.norm()
        assert error < (0.02 if precision == 'bfloat16' else 1e-5)


def test_only_images_of_even_sides_are_merged(quick, monkeypatch):
    merged, merge = [], BlurredSequential._convolve_and_blur

    def spy(self, images):
        merged.append(tuple(images.shape))
        return merge(self, images)

    monkeypatch.setattr(BlurredSequential, '_convolve_and_blur', spy)
    for side in (31, 32):
        quick(torch.randn(1, 3, side, 32, dtype=torch.float64))
    assert merged == [(1, 3, 32, 32)]
