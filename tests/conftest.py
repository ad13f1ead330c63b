# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Tiny models with random weights, and Runner configs that stay inside a temporary folder."""

import gc
import itertools
import json
import os
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

if not torch.cuda.is_available():
    os.environ['TRITON_INTERPRET'] = '1'  # its kernels run on a CPU, if it is imported after this

import mmgen_bdinvert  # noqa: F401  (makes mmgen importable)
from mmgen_bdinvert.models import (
    BaseCodeEncoder,
    BaseDetailGenerator,
    LatentStatistics,
    NarrowStyleGANv2Generator,
    RegularizedInverter,
)

pytest_plugins = [
    'tests.fixtures.authors_encoder',
    'tests.fixtures.chromium',
    'tests.fixtures.file_server',
    'tests.fixtures.fresh',
    'tests.fixtures.profiles',
    'tests.fixtures.quick',
    'tests.fixtures.tiny_config',
    'tests.fixtures.tools',
]

STYLE = 16
RUNS = itertools.count()


@pytest.fixture(scope='session', autouse=True)
def few_collections():
    """Modules that are imported are not looked through again and again for garbage."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


@pytest.fixture(scope='session', autouse=True)
def one_thread():
    """Tiny networks are fastest on one thread, and their sums do not depend on the machine."""
    torch.set_num_threads(1)


def channels(size):
    """Widths that differ, so that a mix-up of two resolutions fails."""
    return {s: 8 if s < 16 else 6 for s in (4, 8, 16, 32, 64) if s <= size}


def enliven(module, seed=0):
    """Give values to what StyleGAN2 starts at zero: biases and noise strengths."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            if not parameter.any():
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=rng))
    return module


@pytest.fixture(scope='session')
def generator_config():
    """Return the config of a tiny generator of ``out_size`` pixels."""

    def make(out_size=32):
        return dict(
            type='NarrowStyleGANv2Generator',
            out_size=out_size,
            style_channels=STYLE,
            num_mlps=2,
            channels=channels(out_size),
        )

    return make


@pytest.fixture(scope='session')
def make_stylegan2(generator_config):
    """Return mmgen-style generators whose every parameter matters."""

    def make(out_size=32, seed=0):
        config = generator_config(out_size)
        config.pop('type')
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return enliven(NarrowStyleGANv2Generator(**config), seed)

    return make


@pytest.fixture(scope='session')
def make_generator(make_stylegan2):
    """Return base/detail generators; one seed is always the same network."""

    def make(base_size=8, out_size=32, seed=0, **kwargs):
        return BaseDetailGenerator(make_stylegan2(out_size, seed), base_size, **kwargs)

    return make


@pytest.fixture(scope='session')
def make_encoder():
    """Return tiny encoders with fixed random weights and batch statistics, in eval mode."""

    def make(base_channels=8, base_size=8, seed=0, **kwargs):
        rng = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            encoder = BaseCodeEncoder(base_channels, base_size, widths=(4, 6, 8), **kwargs)
        for layer in encoder.modules():
            if isinstance(layer, nn.Conv2d):  # PyTorch's default would hardly pass the image on
                gain = (2 / layer.weight[0].numel()) ** 0.5
                layer.weight.data = gain * torch.randn(layer.weight.shape, generator=rng)
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean.copy_(0.2 * torch.randn(layer.num_features, generator=rng))
                layer.running_var.copy_(0.5 + torch.rand(layer.num_features, generator=rng))
        return encoder.eval()

    return make


@pytest.fixture(scope='session')
def fit_statistics():
    """Return the latent statistics of a generator, from few samples."""

    def fit(generator, num_samples=4096):
        return LatentStatistics.fit(
            generator.mapping,
            generator.style_dim,
            generator=torch.Generator().manual_seed(0),
            num_samples=num_samples,
            fingerprint=generator.fingerprint,
        )

    return fit


@pytest.fixture(scope='session')
def make_inverter(make_generator, make_encoder, fit_statistics):
    """Return regularised inverters of tiny generators; one call is like the other."""

    def make(losses=None, num_steps=12, order='bgr', **kwargs):
        generator = make_generator(channel_order=order)
        if losses is None:
            losses = dict(
                pixel=dict(type='PixelMSELoss'),
                base=dict(type='BaseCodeDistance', loss_weight=2.0),
                detail=dict(type='PNormLoss', loss_weight=0.01),
            )
        settings = dict(losses=losses, num_steps=num_steps, optimizer=dict(type='Adam', lr=0.05))
        if 'statistics' not in kwargs:
            settings['statistics'] = fit_statistics(generator)
        return RegularizedInverter(generator, make_encoder(), **{**settings, **kwargs})

    return make


@pytest.fixture(scope='session')
def sample_w_plus():
    """Draw w+ whose layers all differ, shape (n, N, D)."""

    def sample(generator, count=2, seed=1):
        rng = torch.Generator().manual_seed(seed)
        z = torch.randn(count * generator.num_latents, generator.style_dim, generator=rng)
        with torch.no_grad():
            w = generator.mapping(z)
        return w.view(count, generator.num_latents, generator.style_dim)  # [NLD]

    return sample


@pytest.fixture()
def photo_folder(tmp_path):
    """Return a folder of ``count`` random pictures of ``size`` pixels."""

    def make(count=4, size=32):
        folder = tmp_path / f'photos_{size}'
        folder.mkdir()
        rng = np.random.default_rng(0)
        for i in range(count):
            pixels = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f'{i}.png')
        return folder

    return make


@pytest.fixture()
def runner_defaults(tmp_path):
    """Return what every Runner config of the tests has; each call is a run of its own.

    mmengine keys its global objects by the experiment's name, which holds a time in seconds only.
    """

    def make(work_dir='run', **settings):
        return dict(
            default_scope='mmgen',
            work_dir=str(tmp_path / work_dir),
            experiment_name=f'test_{next(RUNS)}',
            randomness=dict(seed=0),
            log_level='ERROR',
            log_processor=dict(by_epoch=False),
            **settings,
        )

    return make


@pytest.fixture(scope='session')
def read_checkpoint():
    """Read a file that a Runner wrote, safely."""
    return lambda path: torch.load(path, map_location='cpu', weights_only=True)


@pytest.fixture(scope='session')
def logged():
    """Read the values that a Runner's log gives a name, in order."""

    def read(runner, name):
        path = Path(runner.log_dir, 'vis_data', 'scalars.json')
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        return [row[name] for row in rows if name in row]

    return read


@pytest.fixture(scope='session')
def assert_same_state():
    """Compare nested states to the last bit; return how many tensors there were."""

    def compare(one, two):
        if isinstance(one, torch.Tensor):
            torch.testing.assert_close(one, two, rtol=0, atol=0)
            return 1
        if isinstance(one, dict):
            assert list(one) == list(two)
            return sum(compare(one[key], two[key]) for key in one)
        if isinstance(one, (list, tuple)):
            assert len(one) == len(two)
            return sum(compare(a, b) for a, b in zip(one, two))
        assert one == two
        return 0

    return compare


@pytest.fixture()
def free_port():
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


DAMAGES = {
    'fp8': lambda t: t.to(torch.float8_e4m3fn),
    'whole numbers': lambda t: t.long(),
    'complex': lambda t: t.cfloat(),
    'bool': lambda t: t > 0,
    'NaN': lambda t: t * float('nan'),
    'too large': lambda t: t.double() * 1e60,
}


@pytest.fixture(params=[*DAMAGES, 'cut', 'text'])
def damage(request):
    """Return what damages a code file in place."""

    def change(path):
        if request.param in ('cut', 'text'):
            path.write_bytes(path.read_bytes()[:-100] if request.param == 'cut' else b'no code')
            return
        with safe_open(path, 'pt') as file:
            facts, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}
        changed = {name: DAMAGES[request.param](tensor) for name, tensor in tensors.items()}
        save_file(changed, path, facts)

    return change
