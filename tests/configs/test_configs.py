# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Every shipped config builds, says nothing that nobody reads, and has the paper's settings."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import mmengine.registry
import mmgen.registry
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import Registry, init_default_scope
from mmgen.registry import DATASETS, MODELS

from mmgen_bdinvert.engine.config import RUNNER_KEYS, read_config
from mmgen_bdinvert.models import BaseDetailGenerator, LatentStatistics
from projects.toon_faces import TOON_LABELS

CONFIGS = Path(__file__).parents[2] / 'configs'
# Of base codes, by base size.
CHANNELS = dict(ffhq={8: 512, 16: 512}, toon128={8: 256, 16: 192}, toon64={8: 128, 16: 128})
NAMES = sorted(path.stem for path in CONFIGS.glob('*.py'))
FFHQ_WEIGHTS = dict(
    StyleGANv1Generator='https://download.openmmlab.com/mmgen/styleganv1/'
    'styleganv1_ffhq_1024_g8_25Mimg_20210407_161627-850a7234.pth',
    StyleGANv2Generator='https://download.openmmlab.com/mmgen/stylegan2/official_weights/'
    'stylegan2-ffhq-config-f-official_20210327_171224-bce9310c.pth',
)


def names_read(paths):
    """Collect the names that configs read, their own or as `_base_.name`."""
    read = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                read.add(node.id)
            elif isinstance(node, ast.Attribute) and getattr(node.value, 'id', '') == '_base_':
                read.add(node.attr)
    return read


def types_in(node):
    """Yield the `type` of every component in a config."""
    if isinstance(node, dict):
        if isinstance(node.get('type'), str):
            yield node['type']
        for value in node.values():
            yield from types_in(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from types_in(value)


@pytest.fixture(scope='module')
def statistics_file(tmp_path_factory):
    """Write statistics of width `dim` that fit any generator."""
    folder = tmp_path_factory.mktemp('statistics')

    def write(dim):
        file = folder / f'{dim}.safetensors'
        one = torch.ones(dim)
        LatentStatistics(mean=0 * one, components=torch.eye(dim), eigenvalues=one).save(file)
        return str(file)

    return write


@pytest.fixture(scope='module')
def few_samples():
    """Take means over fewer samples: those of full-width generators take seconds."""
    mean = BaseDetailGenerator._mean
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            BaseDetailGenerator,
            '_mean',
            lambda self, value, samples, batch_size: mean(self, value, batch_size, batch_size),
        )
        yield


@pytest.fixture(scope='module')
def build(statistics_file, few_samples):
    """Build the model of a config with random weights, by the options that a user has for it."""

    def make(name):
        init_default_scope('mmgen')
        cfg = read_config(CONFIGS / f'{name}.py')
        options = {}
        if name == 'stylegan2_toon128_sharp':
            options['model.start_from'] = 'asset://toon128/generator.safetensors'
        elif name.startswith('stylegan2_toon128'):
            options['model.grow_from'] = None  # the stage before it
        if name.startswith('bdinvert'):
            options['model.generator.checkpoint'] = None
        if 'ffhq' in name:
            options['model.losses.perceptual.backbone'] = 'random'
        if name.startswith('bdinvert_inv') or cfg.model.type == 'JointEncoderTrainer':
            dim = cfg.model.generator.generator.style_channels
            options['model.encoder.checkpoint'] = None
            options['model.statistics.path'] = statistics_file(dim)
            if 'detail_encoder' in cfg.model:
                options['model.detail_encoder.checkpoint'] = None
        if 'photos' in cfg.model:
            options['model.photos'] = None  # a folder that projects/toon_faces/draw.py makes
        return MODELS.build(read_config(CONFIGS / f'{name}.py', options).model)

    return make


@pytest.mark.parametrize('name', NAMES)
def test_a_config_sets_nothing_that_neither_the_runner_nor_a_config_reads(name):
    given = set(read_config(CONFIGS / f'{name}.py')) - {'face_finder'}  # apis.init_finder reads it
    assert given - RUNNER_KEYS - names_read(CONFIGS.rglob('*.py')) == set()


@pytest.mark.parametrize('name', NAMES)
def test_a_config_names_only_registered_components(name):
    registries = [
        registry
        for module in (mmgen.registry, mmengine.registry)
        for registry in vars(module).values()
        if isinstance(registry, Registry)
    ]
    init_default_scope('mmgen')
    found = set(types_in(read_config(CONFIGS / f'{name}.py')._cfg_dict.to_dict()))
    assert found
    assert {t for t in found if all(r.get(t) is None for r in registries)} == set()


@pytest.mark.parametrize('name', [n for n in NAMES if n.startswith('bdinvert')])
def test_a_config_builds_a_model_whose_parts_fit(name, build):
    model = build(name)
    size = 8 if name.endswith('8x8') else 16
    domain = next(domain for domain in CHANNELS if domain in name)
    resolution = 1024 if 'ffhq' in name else int(re.search(r'toon(\d+)', name)[1])
    assert model.generator.base_shape == (CHANNELS[domain][size], size, size)
    assert model.generator.first_detail == (2 if size == 8 else 4)  # 2(k - 2) for s = 2^k
    assert model.generator.resolution == resolution
    assert model.encoder.input_size == 8 * size
    assert sum(isinstance(m, torch.nn.Conv2d) for m in model.encoder.modules()) == 11
    if name.startswith('bdinvert_inv'):
        cfg = read_config(CONFIGS / f'{name}.py')
        assert cfg.test_dataloader.dataset.size == resolution
    else:
        cfg = read_config(CONFIGS / f'{name}.py')
        train, val = (DATASETS.build(cfg[f'{k}_dataloader'].dataset) for k in ('train', 'val'))
        seeds = {train[0]['inputs'], train[len(train) - 1]['inputs']}
        assert max(seeds) < val[0]['inputs']  # validation sees no image of training


@pytest.mark.parametrize('name', [n for n in NAMES if n.startswith('stylegan2')])
def test_a_gan_config_builds(name, build):
    model = build(name)
    size = 8 if 'mapping' in name else int(re.findall(r'\d+', name)[-1])
    with torch.no_grad():
        z = torch.zeros(1, model.generator.style_channels)
        assert model.generator(z).shape == (1, 3, size, size)
        if 'toon64' in name:
            assert model.discriminator(torch.zeros(2, 3, size, size)).shape == (2, 1)
        elif 'sharp' not in name:
            choices = getattr(model, 'noise', model).choices
            assert choices == [len(choices) for choices in TOON_LABELS.values()]


@pytest.mark.parametrize('suffix', ['', '_8x8', '_styleganv1'])
def test_the_ffhq_configs_have_the_settings_of_the_paper(suffix):
    enc = Config.fromfile(CONFIGS / f'bdinvert_enc_ffhq{suffix}.py')
    inv = Config.fromfile(CONFIGS / f'bdinvert_inv_ffhq{suffix}.py')
    family = 'StyleGANv1Generator' if suffix == '_styleganv1' else 'StyleGANv2Generator'
    for cfg in (enc, inv):
        assert cfg.model.generator.generator.type == family
        assert cfg.model.generator.checkpoint == FFHQ_WEIGHTS[family]
    # What StyleGAN1's instance normalisation removes from a base code is not measured.
    normalized = inv.model.losses.base.get('normalized', False)
    assert normalized == (family == 'StyleGANv1Generator')
    assert enc.train_dataloader.batch_size == 16
    assert enc.train_cfg.max_iters == 10000
    assert enc.optim_wrapper.optimizer == dict(type='Adam', lr=0.001)
    (schedule,) = enc.param_scheduler
    assert (schedule.type, schedule.step_size, schedule.gamma) == ('StepLR', 2000, 0.1)
    assert (enc.model.truncation, enc.model.truncation_layers) == (0.7, 8)
    assert tuple(enc.model.encoder.widths) == (128, 256, 512)
    weights = {name: loss.loss_weight for name, loss in enc.model.losses.items()}
    assert weights == dict(pixel=1, perceptual=10)
    weights = {name: loss.loss_weight for name, loss in inv.model.losses.items()}
    assert weights == dict(pixel=1, perceptual=10, base=10, detail=0.01)
    for cfg in (enc, inv):
        assert cfg.model.losses.perceptual.type == 'LPIPSLoss'  # its backbone is VGG by default
    assert inv.model.optimizer == dict(type='Adam', lr=0.01)
    assert inv.model.num_steps == 1200
    # What training writes is what inversion reads.
    assert inv.model.encoder.checkpoint == (
        f'work_dirs/bdinvert_enc_ffhq{suffix}/iter_{enc.train_cfg.max_iters}.pth'
    )
    assert enc.train_cfg.max_iters % enc.default_hooks.checkpoint.interval == 0
