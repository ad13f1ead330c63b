# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A tiny StyleGAN1 with random weights whose pictures are smooth and differ much."""

import pytest
import torch

from mmgen_bdinvert.models import NarrowStyleGANv1Generator
from mmgen_bdinvert.models.acceleration import frozen_convolution as convolution

STYLE = 16


@pytest.fixture(scope='session')
def stylegan1_config():
    """Return the config of a tiny StyleGAN1 of ``out_size`` pixels; its widths differ."""

    def make(out_size=32, width=8):
        widths = {s: width if s < 16 else width - 2 for s in (4, 8, 16, 32, 64) if s <= out_size}
        return dict(
            type='NarrowStyleGANv1Generator',
            out_size=out_size,
            style_channels=STYLE,
            num_mlps=2,
            channels=widths,
        )

    return make


@pytest.fixture(scope='session')
def make_stylegan1(stylegan1_config):
    """Return StyleGAN1 generators whose every parameter matters; one seed is one network.

    The kernels are blurred noise, which gives coherent shapes instead of textures.
    """

    def make(out_size=32, seed=0, width=8, noise=0.3):
        config = stylegan1_config(out_size, width)
        config.pop('type')
        rng = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            generator = NarrowStyleGANv1Generator(**config)
        hump = torch.tensor([0.5, 1.0, 0.5])
        with torch.no_grad():
            for name, parameter in generator.named_parameters():
                if 'noise_injector' in name:
                    parameter.fill_(noise)
                elif name.endswith('conv.weight_orig') and parameter.shape[-1] == 3:
                    middle = torch.randn(*parameter.shape[:2], 1, 1, generator=rng)
                    rest = 0.3 * torch.randn(parameter.shape, generator=rng)
                    parameter.copy_((middle + rest) * hump[:, None] * hump)
                elif not parameter.any():
                    parameter.copy_(0.1 * torch.randn(parameter.shape, generator=rng))
            generator.to_rgbs[-1].conv.weight_orig.mul_(0.35)  # colours in about [-1, 1]
        return generator

    return make


@pytest.fixture(scope='session')
def functions_of():
    """Return a function that names the functions an image was computed with."""

    def names_of(image):
        names, waiting = set(), [image.grad_fn]
        while waiting:
            node = waiting.pop()
            names.add(node.name())
            waiting += [n for n, _ in node.next_functions if n is not None]
        return names

    return names_of


@pytest.fixture()
def winograd(monkeypatch):
    """Use Winograd's algorithm for maps of any size; returns a list of their heights."""
    monkeypatch.setattr(convolution, '_LEAST_CHANNELS', 1)
    monkeypatch.setattr(convolution, '_LEAST_VALUES', 1)
    heights = []

    def spy(x, *args, plain=convolution._winograd):
        heights.append(x.shape[2])
        return plain(x, *args)

    monkeypatch.setattr(convolution, '_winograd', spy)
    return heights
