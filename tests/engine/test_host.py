# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import copy

import pytest
from mmengine.config import Config

from mmgen_bdinvert.apis import load_config, shipped_configs
from mmgen_bdinvert.engine import read_config
from mmgen_bdinvert.engine.host import drop_host

SEEDS = dict(batch_size=2, dataset=dict(type='LatentSeeds'))


def dropped(**settings):
    cfg = Config(dict(model=dict(type='BaseCodeEncoderTrainer'), **settings))
    drop_host(cfg)
    return cfg


@pytest.mark.parametrize('name', [n for n in shipped_configs() if '_toon' in n or '_ffhq' in n])
def test_nothing_is_dropped_from_a_shipped_config(name):
    cfg = read_config(shipped_configs()[name])
    before = copy.deepcopy(cfg)
    drop_host(cfg)
    assert {k: v for k, v in cfg.items() if v is not None} == {
        k: v for k, v in before.items() if v is not None
    }


def test_hooks_and_visualisers_of_others_go_and_those_of_ours_and_of_mmengine_stay(tmp_path):
    ours = [dict(type='ReconstructionGridHook'), dict(type='EMAHook')]
    board = dict(type='Visualizer', vis_backends=[dict(type='TensorboardVisBackend')])
    hooks = [dict(type='GenVisualizationHook'), *ours, dict(type='BasicVisualizationHook')]
    assert dropped(custom_hooks=hooks).custom_hooks == ours
    assert dropped(visualizer=board).visualizer == board
    for other in (dict(type='GenVisualizer'), dict(board, vis_backends=[dict(type='VisBackend')])):
        assert dropped(visualizer=other).visualizer is None
        text = f"model = dict(type='RegularizedInverter')\nvisualizer = {other}"
        (tmp_path / 'inv.py').write_text(text)
        assert load_config(tmp_path / 'inv.py').visualizer is None


def test_a_slip_of_the_pen_stays_for_the_runner_to_name():
    hooks = [dict(type='ReconstructionGridHok'), dict(type='CheckpointHok')]
    assert dropped(custom_hooks=hooks).custom_hooks == hooks


def test_own_loaders_stay_beside_loops_and_optimisers_of_a_gan():
    gan = dict(
        generator=dict(optimizer=dict(type='Adam')), constructor='GenOptimWrapperConstructor'
    )
    cfg = dropped(
        train_dataloader=SEEDS,
        train_cfg=dict(by_epoch=False, max_iters=3),
        optim_wrapper=dict(gan, optimizer=dict(type='SGD')),
        param_scheduler=dict(generator=[dict(type='StepLR')]),
        val_dataloader=SEEDS,
        val_cfg=dict(type='GenValLoop'),
        val_evaluator=dict(type='ReconstructionMetric'),
        test_cfg=dict(type='MultiTestLoop'),
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', save_best='psnr')),
    )
    assert cfg.optim_wrapper == dict(optimizer=dict(type='SGD')) and cfg.param_scheduler is None
    assert cfg.train_cfg == dict(by_epoch=False, max_iters=3)
    assert (cfg.val_dataloader, cfg.val_cfg, cfg.test_cfg) == (SEEDS, {}, None)
    assert cfg.default_hooks.checkpoint.save_best == 'psnr'


@pytest.mark.parametrize('name', ['UnconditionalImageDataset', 'BasicImageDataset'])
def test_a_data_set_of_images_goes_with_what_is_around_it(name):
    inner = dict(type='RepeatDataset', times=2, dataset=dict(type=name, data_root='none'))
    cfg = dropped(train_dataloader=dict(dataset=inner), train_cfg=dict(max_iters=3))
    assert cfg.train_dataloader is None and cfg.train_cfg is None


def test_the_training_of_a_gan_is_left_alone():
    settings = dict(
        val_cfg=dict(type='GenValLoop'), custom_hooks=[dict(type='GenVisualizationHook')]
    )
    cfg = Config(dict(model=dict(type='StyleGAN2'), **settings))
    before = copy.deepcopy(cfg._cfg_dict)
    drop_host(cfg)
    assert cfg._cfg_dict == before
