# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmgen_bdinvert.apis import init_inverter


@pytest.fixture(scope='session')
def make_config(tmp_path_factory, make_generator, make_encoder, fit_statistics, generator_config):
    """Return a function that writes a config and its weights, and gives the config's path."""

    def make(base_size=8, out_size=32, seed=0, **model):
        folder = tmp_path_factory.mktemp('tiny')
        generator = make_generator(base_size, out_size, seed)
        encoder = make_encoder(generator.base_shape[0], base_size)
        encoder.bind(generator.fingerprint)
        torch.save(generator.generator.state_dict(), folder / 'generator.pth')
        torch.save(encoder.state_dict(), folder / 'encoder.pth')
        fit_statistics(generator).save(folder / 'statistics.safetensors')
        settings = dict(
            type='RegularizedInverter',
            generator=dict(
                type='BaseDetailGenerator',
                generator=generator_config(out_size),
                base_size=base_size,
                checkpoint=str(folder / 'generator.pth'),
            ),
            encoder=dict(
                type='BaseCodeEncoder',
                base_channels=generator.base_shape[0],
                base_size=base_size,
                widths=(4, 6, 8),
                checkpoint=str(folder / 'encoder.pth'),
            ),
            statistics=dict(type='LatentStatistics', path=str(folder / 'statistics.safetensors')),
            losses=dict(
                pixel=dict(type='PixelMSELoss'),
                perceptual=dict(type='LPIPSLoss', net='squeeze', backbone='random'),
                base=dict(type='BaseCodeDistance', loss_weight=1.0),
                detail=dict(type='PNormLoss'),
            ),
            num_steps=3,
        )
        Config(dict(model={**settings, **model})).dump(folder / 'tiny.py')
        return folder / 'tiny.py'

    return make


@pytest.fixture(scope='session')
def tiny_config(make_config):
    return make_config()


@pytest.fixture(scope='session')
def inverter(tiny_config):
    return init_inverter(tiny_config, device='cpu')


@pytest.fixture()
def code(inverter, sample_w_plus):
    """Codes of two images."""
    return inverter.generator.split(sample_w_plus(inverter.generator))


@pytest.fixture(scope='session')
def picture():
    """Return smooth random RGB pictures."""

    def make(seed=0, width=32, height=32):
        rng = np.random.default_rng(seed)
        small = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
        return np.array(small.resize((width, height), Image.Resampling.BICUBIC))

    return make


@pytest.fixture()
def photos(tmp_path, picture):
    """A folder of three pictures."""
    folder = tmp_path / 'photos'
    folder.mkdir()
    for i in range(3):
        Image.fromarray(picture(i)).save(folder / f'p{i}.png')
    return folder


@pytest.fixture()
def steps():
    """Return a list of the batch sizes that were inverted, and the callback that fills it."""
    sizes = []

    def on_step(step, total, losses, images):
        if step == 0:
            sizes.append(len(images))

    return sizes, on_step
