# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A domain of a tiny generator, a classifier that reads colours, and a plan that uses both."""

import pytest
import torch
from mmengine.config import Config
from mmgen.registry import MODULES
from torch import nn

from benchmarks.quality.plan import Edit, Plan
from mmgen_bdinvert.editing import Direction
from projects.toon_faces import TOON_LABELS
from tests.fixtures.benchmark_rows import measured_rows

PALE = 'f1c3a5'


class SkinReader(nn.Module):
    """Classifier of the skin colour alone: between the eyes of an aligned face."""

    def __init__(self):
        super().__init__()
        self.classes = {'skinColor': list(TOON_LABELS['skinColor'])}

    def forward(self, images):
        size = images.shape[-1]
        rows, columns = slice(*_part(0.40, 0.45, size)), slice(*_part(0.47, 0.51, size))
        colour = images[:, :, rows, columns].mean((2, 3))
        known = [[int(c[i : i + 2], 16) for i in (0, 2, 4)] for c in self.classes['skinColor']]
        known = torch.tensor(known) / 127.5 - 1  # [kC]
        return {'skinColor': -(colour[:, None] - known).square().sum(2)}


def _part(low, high, size):
    return round(low * size), max(round(high * size), round(low * size) + 1)


@pytest.fixture(autouse=True, scope='session')
def classifier_is_registered():
    MODULES.register_module(name='TestSkinReader', module=SkinReader)
    yield
    MODULES.module_dict.pop('TestSkinReader')


@pytest.fixture(scope='session')
def domain(tmp_path_factory, make_generator, make_encoder, fit_statistics, generator_config):
    """Write an inverter's config for base codes of 16, one of 8, and their weights."""
    folder = tmp_path_factory.mktemp('domain')
    for name, base_size in (('tiny', 16), ('tiny_8x8', 8)):
        generator = make_generator(base_size)
        encoder = make_encoder(generator.base_shape[0], base_size)
        encoder.bind(generator.fingerprint)
        torch.save(generator.generator.state_dict(), folder / 'generator.pth')
        torch.save(encoder.state_dict(), folder / f'{name}.pth')
        fit_statistics(generator).save(folder / 'statistics.safetensors')
        model = dict(
            type='RegularizedInverter',
            generator=dict(
                type='BaseDetailGenerator',
                generator=generator_config(),
                base_size=base_size,
                checkpoint=str(folder / 'generator.pth'),
            ),
            encoder=dict(
                type='BaseCodeEncoder',
                base_channels=generator.base_shape[0],
                base_size=base_size,
                widths=(4, 6, 8),
                checkpoint=str(folder / f'{name}.pth'),
            ),
            statistics=dict(type='LatentStatistics', path=str(folder / 'statistics.safetensors')),
            losses=dict(
                pixel=dict(type='PixelMSELoss'),
                perceptual=dict(type='PixelMSELoss', loss_weight=0.5),
                base=dict(type='BaseCodeDistance', loss_weight=1.0),
                detail=dict(type='PNormLoss'),
            ),
            optimizer=dict(type='Adam', lr=0.02),
            num_steps=9,
        )
        Config(dict(model=model)).dump(folder / f'{name}.py')
    vector = torch.randn(16, generator=torch.Generator().manual_seed(0))
    Direction(vector).save(folder / 'direction.safetensors')
    return folder / 'tiny.py'


@pytest.fixture(scope='session')
def pale(domain):
    return Edit(
        name='pale skin',
        direction=str(domain.with_name('direction.safetensors')),
        strengths=(0.5, 1.0),
        attribute='skinColor',
        values=(PALE,),
        options=dict(skinColor=[PALE]),
    )


@pytest.fixture(scope='session')
def make_plan(domain, pale):
    """Return plans of few steps on the tiny domain."""

    def make(**settings):
        return Plan(
            **{
                'domain': domain,
                'methods': {'w_plus': 'W+', 'fw_plain': 'free', 'bdinvert_16': 'BDInvert'},
                'reference': 'bdinvert_16',
                'judges': {'judge': dict(type='PixelMSELoss', loss_weight=3.0)},
                'without_geometry': ('w_plus',),
                'free': ('fw_plain',),
                'num_steps': 2,
                'classifier': dict(type='TestSkinReader'),
                'edits': (pale,),
                **settings,
            }
        )

    return make


@pytest.fixture(scope='session')
def rows():
    return measured_rows()
