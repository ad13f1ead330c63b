# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The examples of docs/extending.md, run as they stand."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from mmgen_bdinvert import apis
from mmgen_bdinvert.geometry import GeometricTransform, compose, inverse
from mmgen_bdinvert.models import BaseDetailGenerator
from mmgen_bdinvert.utils import silence_host

EXAMPLES = Path(__file__).parents[2] / 'docs/examples'
if not EXAMPLES.is_dir():
    pytest.skip('needs the documentation', allow_module_level=True)


@pytest.fixture(scope='module')
def load():
    """Return a function that imports an example, once, and with it registers its components."""
    done = {}

    def load(name):
        if name not in done:
            spec = importlib.util.spec_from_file_location(name, EXAMPLES / f'{name}.py')
            done[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(done[name])
        return done[name]

    return load


@pytest.fixture(scope='module')
def small():
    """The 64×64 generator of the package."""
    with silence_host():
        return apis.init_generator('bdinvert_inv_toon64', device='cpu')


@pytest.mark.parametrize('path', sorted(EXAMPLES.glob('add_*.py')), ids=lambda path: path.stem)
def test_an_example_is_short(path):
    assert len(path.read_text().splitlines()) < 60


def test_a_generator_family(load):
    load('add_generator_family')
    config = dict(type='TinyStyleGAN', out_size=32)
    generator = BaseDetailGenerator(config, base_size=8)
    w_plus = torch.randn(2, generator.num_latents, 16)
    code = generator.split(w_plus)
    image = generator(code.base, code.detail)
    assert image.shape == (2, 3, 32, 32)
    torch.testing.assert_close(image, generator.synthesis(w_plus))
    moved = apis.transform(generator, code, GeometricTransform(shift=(0.25, 0)))
    # Two cells are 8 pixels; within 10 of the left and right border, padding is felt.
    shifted = generator(moved.base, moved.detail)
    torch.testing.assert_close(shifted[..., 18:22], image[..., 10:14])


def test_a_loss(load):
    load('add_loss')
    losses = dict(coarse=dict(type='CoarseL1Loss', loss_weight=5.0), perceptual=None)
    options = {f'model.losses.{name}': loss for name, loss in losses.items()}
    with silence_host():
        inverter = apis.init_inverter(
            'bdinvert_inv_toon64', device='cpu', cfg_options={**options, 'model.num_steps': 4}
        )
    photo = torch.linspace(-1, 1, 64).repeat(1, 3, 64, 1)
    history = apis.invert(inverter, photo).history
    assert set(history) == {'pixel', 'base', 'detail', 'coarse', 'total'}
    assert history['coarse'][-1] < history['coarse'][0]


def test_a_motion(load, small):
    swirl = load('add_motion').Swirl(rotate=60)
    points = torch.rand(50, 2).double() * 1.6 - 0.8
    back = compose(swirl, inverse(swirl)).source_points(points)
    torch.testing.assert_close(back, points, atol=1e-6, rtol=0)
    # At the centre it is a rotation, in the convention of all motions.
    near = 1e-4 * points
    rotated = GeometricTransform(rotate=60).source_points(near)
    torch.testing.assert_close(swirl.source_points(near), rotated, atol=1e-7, rtol=0)
    code = small.split(small.mean_latent.expand(1, small.num_latents, -1))
    moved = apis.transform(small, code, swirl)
    assert torch.equal(moved.base[..., 0, 0], code.base[..., 0, 0])
    assert not torch.allclose(moved.base, code.base)


def test_a_finder_and_its_labeller(load, small, tmp_path):
    load('add_finder')
    finder = dict(type='MeanDifference', labeller=dict(type='Warmth'), num_samples=64)
    (warmth,) = apis.find_directions(small, finder, tmp_path)
    assert warmth.name == 'warmth' and (tmp_path / 'warmth.safetensors').exists()
    code = small.split(small.mean_latent.expand(1, small.num_latents, -1))

    def score(strength):
        picture = apis.render(small, apis.edit(small, code, warmth, strength))[0].astype(float)
        return float(np.mean(picture[..., 0] - picture[..., 2]))

    assert score(2.0) > score(0.0) > score(-2.0)
