# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The tools do for a StyleGAN1 what they do for a StyleGAN2, one after the other."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger
from mmgen.registry import MODULES
from safetensors.torch import save_file

from bdinvert_cli.running import run_tool
from mmgen_bdinvert.apis import init_inverter, render
from mmgen_bdinvert.io import read_image
from mmgen_bdinvert.structures import LatentCode

ROOT = Path(__file__).parents[2]
GENERATOR = dict(
    type='NarrowStyleGANv1Generator',
    out_size=32,
    style_channels=16,
    num_mlps=2,
    channels={4: 8, 8: 8, 16: 6, 32: 6},
)
PARTS = f"""
generator = dict(
    type='BaseDetailGenerator',
    base_size=8,
    checkpoint='FOLDER/generator.safetensors',
    generator={GENERATOR!r},
)
encoder = dict(type='BaseCodeEncoder', base_channels=8, base_size=8, widths=(4, 6, 8))
"""
ENCODER = f"""
_base_ = ['{ROOT}/configs/_base_/encoder_training.py', './parts.py']
model = dict(
    generator=_base_.generator,
    encoder=_base_.encoder,
    losses=dict(_delete_=True, pixel=dict(type='PixelMSELoss')),
)
train_dataloader = dict(batch_size=2)
val_dataloader = dict(batch_size=2, dataset=dict(length=2))
val_evaluator = dict(_delete_=True, type='ReconstructionMetric', prefix='reconstruction')
default_hooks = dict(checkpoint=dict(interval=2, save_best='reconstruction/psnr', rule='greater'))
train_cfg = dict(max_iters=2, val_interval=2)
"""
INVERSION = f"""
_base_ = ['{ROOT}/configs/_base_/inversion.py', './parts.py']
model = dict(
    generator=_base_.generator,
    encoder=dict(**_base_.encoder, checkpoint='FOLDER/enc/iter_2.pth'),
    statistics=dict(type='LatentStatistics', path='FOLDER/statistics.safetensors'),
    losses=dict(
        _delete_=True,
        pixel=dict(type='PixelMSELoss'),
        base=dict(type='BaseCodeDistance', normalized=True),
        detail=dict(type='PNormLoss'),
    ),
    num_steps=3,
)
"""


@pytest.fixture()
def run(capsys):
    """Run a tool in this process, which must succeed; return its stdout."""
    logger = MMLogger.get_current_instance()
    level = logger.level

    def call(name, *args):
        spec = importlib.util.spec_from_file_location(f'v1_{name}', ROOT / 'tools' / f'{name}.py')
        tool = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(tool)
        try:
            code = run_tool(tool.main, [str(arg) for arg in args])
        except SystemExit as e:
            code = e.code
        out, err = capsys.readouterr()
        assert not code, err
        return out

    yield call
    logger.setLevel(level)


def test_statistics_training_inversion_and_edit(run, photo_folder, tmp_path):
    for name, text in dict(parts=PARTS, enc=ENCODER, inv=INVERSION).items():
        (tmp_path / f'{name}.py').write_text(text.replace('FOLDER', str(tmp_path)))
    torch.manual_seed(0)
    save_file(MODULES.build(GENERATOR).state_dict(), tmp_path / 'generator.safetensors')
    torch.save(torch.linspace(-1, 1, 16)[None], tmp_path / 'smile.pt')

    statistics, photos = tmp_path / 'statistics.safetensors', photo_folder(count=2)
    inv = tmp_path / 'inv.py'
    assert f'{statistics}' in run('latent_stats', inv, statistics, '--num-samples', 500)
    quiet = ('--cfg-options', 'log_level=ERROR')
    run('train', tmp_path / 'enc.py', '--work-dir', tmp_path / 'enc', *quiet)
    results, edited = tmp_path / 'results', tmp_path / 'edited'
    run('invert', inv, photos, '--out-dir', results)
    move = ('--shift', 0.25, 0, '--direction', tmp_path / 'smile.pt', '--strength', 2)
    run('edit', *sorted(results.glob('*/code.safetensors')), '--out-dir', edited, *move)

    generator = init_inverter(inv).generator
    assert generator.normalizes_base
    for folder in (results, edited):
        for i in range(2):
            code = LatentCode.load(folder / str(i) / 'code.safetensors', generator)
            name = 'reconstruction.png' if folder == results else 'edited.png'
            picture = read_image(folder / str(i) / name).astype(int)
            assert np.abs(picture - render(generator, code)[0]).max() <= 1
