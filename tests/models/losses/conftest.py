# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import warnings

import lpips
import pytest
import torch
import torchvision

from mmgen_bdinvert.models.losses import STLPIPSLoss


@pytest.fixture(scope='session')
def images():
    """Return a function that draws RGB images in [-1, 1]."""

    def draw(n=2, size=64, seed=0, dtype=torch.float32):
        noise = torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed))
        return (2 * noise - 1).to(dtype)

    return draw


@pytest.fixture(scope='session')
def codes():
    """Return a function that draws float64 tensors of any shape."""

    def draw(*shape, seed=0):
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return draw


@pytest.fixture(scope='session')
def compare():
    """Return a function that compares a value with a reference by a loss."""
    return lambda loss, value, reference: loss(value, loss.prepare(reference))


@pytest.fixture(scope='session')
def squeezenet():
    """Torchvision's network with random weights, 5 MB."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return torchvision.models.squeezenet1_1(weights=None).eval()


@pytest.fixture(scope='session')
def stlpips_alex():
    return STLPIPSLoss()


@pytest.fixture(scope='session')
def package_lpips():
    """Return the package's own module by net, as its users build it but for the download."""

    def build(net):
        with torch.random.fork_rng(), warnings.catch_warnings():
            warnings.simplefilter('ignore')
            return lpips.LPIPS(net=net, pnet_rand=True, verbose=False)

    return build
