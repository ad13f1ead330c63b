# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""mmengine's Runner trains, stops and resumes the encoder, and inverts a folder of photos."""

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.fileio import LocalBackend
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmgen.registry import HOOKS
from safetensors.torch import load_file, save_file

from mmgen_bdinvert.engine import StrictRunner
from mmgen_bdinvert.evaluation import psnr
from mmgen_bdinvert.io import StorageError, claim_outputs

STEPS = dict(type='MultiStepLR', milestones=[2, 4], gamma=0.1, by_epoch=False)
ONE_CYCLE = dict(type='OneCycleLR', eta_max=0.01, total_steps=6, by_epoch=False)


class StopAfterThree(Hook):
    """Interrupt training, as a user does; the checkpoint of that step is written."""

    priority = 'LOWEST'

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter + 1 == 3:
            raise KeyboardInterrupt


class StopInValidation(Hook):
    """Interrupt training behind the checkpoint of iteration 6, before or after the best is saved.

    Args:
        saved (bool): After, while the checkpoint is saved again with the news of the best.
    """

    priority = 'LOWEST'

    def __init__(self, saved):
        self.saved = saved

    def before_val(self, runner):
        if runner.iter == 6 and not self.saved:
            raise KeyboardInterrupt

    def before_save_checkpoint(self, runner, checkpoint):
        if runner.iter == 6 and 'optimizer' in checkpoint:
            raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def registered_hooks():
    hooks = {'TestStopAfterThree': StopAfterThree, 'TestStopInValidation': StopInValidation}
    for name, hook in hooks.items():
        HOOKS.register_module(name=name, module=hook)
    yield
    for name in hooks:
        HOOKS.module_dict.pop(name)


@pytest.fixture()
def encoder_config(tmp_path, make_stylegan2, generator_config, runner_defaults):
    """Return the config of a tiny encoder training."""
    checkpoint = tmp_path / 'generator.safetensors'
    save_file(make_stylegan2().state_dict(), checkpoint)

    def make(work_dir, max_iters=6, schedule=STEPS, **settings):
        seeds = dict(num_workers=0, batch_size=4)
        return Config(
            dict(
                model=dict(
                    type='BaseCodeEncoderTrainer',
                    generator=dict(
                        type='BaseDetailGenerator',
                        generator=generator_config(),
                        base_size=8,
                        checkpoint=str(checkpoint),
                    ),
                    encoder=dict(
                        type='BaseCodeEncoder', base_channels=8, base_size=8, widths=(4, 6, 8)
                    ),
                    losses=dict(pixel=dict(type='PixelMSELoss')),
                ),
                train_dataloader=dict(
                    seeds,
                    sampler=dict(type='InfiniteSampler', shuffle=False),
                    dataset=dict(type='LatentSeeds'),
                ),
                val_dataloader=dict(
                    seeds,
                    sampler=dict(type='DefaultSampler', shuffle=False),
                    dataset=dict(type='LatentSeeds', length=6, first=10**9),
                ),
                val_evaluator=dict(type='ReconstructionMetric'),
                val_cfg=dict(),
                train_cfg=dict(by_epoch=False, max_iters=max_iters, val_interval=2),
                optim_wrapper=dict(optimizer=dict(type='Adam', lr=0.01)),
                param_scheduler=[schedule],
                default_hooks=dict(
                    checkpoint=dict(
                        type='CheckpointHook',
                        by_epoch=False,
                        interval=3,
                        save_best='reconstruction/psnr',
                        rule='greater',
                    )
                ),
                custom_hooks=[dict(type='ReconstructionGridHook', max_images=3)],
                **runner_defaults(work_dir, **settings),
            )
        )

    return make


@pytest.mark.parametrize(
    ('schedule', 'last_rate'), [(STEPS, 1e-4), (ONE_CYCLE, 4e-8)], ids=['steps', 'one cycle']
)
def test_encoder_training_stopped_and_resumed_equals_training_at_a_stretch(
    encoder_config, tmp_path, read_checkpoint, assert_same_state, schedule, last_rate
):
    Runner.from_cfg(encoder_config('whole', schedule=schedule)).train()
    cfg = encoder_config('parts', schedule=schedule)
    cfg.custom_hooks.append(dict(type='TestStopAfterThree'))
    with pytest.raises(KeyboardInterrupt):
        Runner.from_cfg(cfg).train()
    torch.manual_seed(99)  # a new process has other random streams
    resumed = Runner.from_cfg(encoder_config('parts', schedule=schedule, resume=True))
    resumed.train()
    assert resumed.iter == 6
    whole, parts = (read_checkpoint(tmp_path / name / 'iter_6.pth') for name in ('whole', 'parts'))
    for part in ('state_dict', 'optimizer', 'param_schedulers'):
        assert_same_state(whole[part], parts[part])
    assert whole['optimizer']['param_groups'][0]['lr'] == pytest.approx(last_rate)
    stopped = read_checkpoint(tmp_path / 'parts' / 'iter_3.pth')['state_dict']
    assert not torch.equal(
        stopped['encoder.model.0.weight'], whole['state_dict']['encoder.model.0.weight']
    )


@pytest.mark.parametrize('saved', [False, True])
def test_a_validation_that_was_interrupted_is_made_up_for(
    encoder_config, tmp_path, logged, read_checkpoint, assert_same_state, saved
):
    whole = StrictRunner.from_cfg(encoder_config('whole'))
    whole.train()
    cfg = encoder_config('parts')
    cfg.custom_hooks.append(dict(type='TestStopInValidation', saved=saved))
    interrupted = StrictRunner.from_cfg(cfg)
    with pytest.raises(KeyboardInterrupt):
        interrupted.train()
    shutil.rmtree(interrupted.log_dir)  # a run that begins in the same second has the same folder
    cfg = encoder_config('parts', resume=True)
    cfg.custom_hooks.append(dict(type='MissedValidationHook'))
    resumed = StrictRunner.from_cfg(cfg)
    resumed.train()
    last = logged(whole, 'reconstruction/psnr')[-1]
    assert logged(resumed, 'reconstruction/psnr') == [last]
    one, two = (
        sorted(path.name for path in (tmp_path / d).glob('*.pth')) for d in ('whole', 'parts')
    )
    assert one == two and 'best_reconstruction_psnr_iter_6.pth' in one
    best = (read_checkpoint(tmp_path / d / one[0])['state_dict'] for d in ('whole', 'parts'))
    assert assert_same_state(*best)


def half(self, data, path):
    """Write as a process that is killed, or whose disk is full."""
    Path(path).write_bytes(data[: len(data) // 2])
    raise OSError(errno.ENOSPC, 'No space left on device')


def test_a_checkpoint_is_written_whole_or_not_at_all(
    encoder_config, tmp_path, monkeypatch, read_checkpoint
):
    runner = StrictRunner.from_cfg(encoder_config('run'))
    runner.train()
    folder = tmp_path / 'run'
    files = sorted(folder.iterdir())
    monkeypatch.setattr(LocalBackend, 'put', half)
    with pytest.raises(
        StorageError, match=r'cannot write .*iter_6.pth.* \(No space left on device'
    ):
        runner.save_checkpoint(str(folder), 'iter_6.pth')
    assert read_checkpoint(folder / 'iter_6.pth')['meta']['iter'] == 6
    assert sorted(folder.iterdir()) == files


@pytest.mark.parametrize('content', [b'', b'iter_5.pth', None])
def test_training_resumes_where_the_name_of_the_last_checkpoint_was_not_written(
    encoder_config, tmp_path, content
):
    StrictRunner.from_cfg(encoder_config('run')).train()
    pointer = tmp_path / 'run' / 'last_checkpoint'
    pointer.unlink() if content is None else pointer.write_bytes(content)
    half_written = tmp_path / 'run' / f'.mmgen_bdinvert-{"0" * 32}.tmp.pth'
    half_written.touch()
    resumed = StrictRunner.from_cfg(encoder_config('run', max_iters=7, resume=True))
    resumed.load_or_resume()
    assert resumed.iter == 6
    resumed.train()
    assert not half_written.exists()


def test_training_that_was_stopped_before_its_first_checkpoint_starts_anew(
    encoder_config, tmp_path
):
    (tmp_path / 'run').mkdir()
    claim_outputs([tmp_path / 'run' / 'last_checkpoint'], 'train')
    (tmp_path / 'run' / 'last_checkpoint').touch()  # mmengine empties it before it writes
    runner = StrictRunner.from_cfg(encoder_config('run', max_iters=1, resume=True))
    runner.train()
    assert runner.iter == 1


def test_encoder_training_keeps_the_best_and_shows_pictures(
    encoder_config, tmp_path, logged, read_checkpoint
):
    runner = Runner.from_cfg(encoder_config('run'))
    runner.train()
    folder = tmp_path / 'run'
    assert sorted(p.name for p in (folder / 'vis').glob('[!.]*')) == [
        f'val_{i:06d}.png' for i in (2, 4, 6)
    ]
    values = logged(runner, 'reconstruction/psnr')
    assert len(values) == 3 and len(set(values)) == 3
    best = 2 * (1 + int(np.argmax(values)))
    assert [p.name for p in folder.glob('best_*.pth')] == [
        f'best_reconstruction_psnr_iter_{best}.pth'
    ]
    for name in ('mse', 'base_distance'):
        assert logged(runner, f'reconstruction/{name}')[-1] > 0
    saved = read_checkpoint(next(folder.glob('best_*.pth')))
    assert {key.partition('.')[0] for key in saved['state_dict']} == {'encoder'}
    assert (folder / 'iter_6.pth').stat().st_size < 200_000


def test_inversion_runs_over_a_folder_of_photos(
    encoder_config, runner_defaults, photo_folder, fit_statistics, make_generator, tmp_path
):
    Runner.from_cfg(encoder_config('training', max_iters=3)).train()
    fit_statistics(make_generator()).save(tmp_path / 'statistics.safetensors')
    trained = encoder_config('training').model
    encoder = dict(trained.encoder, checkpoint=str(tmp_path / 'training' / 'iter_3.pth'))
    cfg = Config(
        dict(
            model=dict(
                type='RegularizedInverter',
                generator=trained.generator,
                encoder=encoder,
                statistics=dict(
                    type='LatentStatistics', path=str(tmp_path / 'statistics.safetensors')
                ),
                losses=dict(
                    pixel=dict(type='PixelMSELoss'),
                    base=dict(type='BaseCodeDistance'),
                    detail=dict(type='PNormLoss'),
                ),
                optimizer=dict(type='Adam', lr=0.05, betas=(0, 0.9)),
                num_steps=4,
            ),
            test_dataloader=dict(
                batch_size=2,
                num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=dict(type='InversionImageFolder', data_root=str(photo_folder(3)), size=32),
            ),
            test_evaluator=dict(type='ReconstructionMetric'),
            test_cfg=dict(),
            custom_hooks=[dict(type='ReconstructionGridHook')],
            **runner_defaults('test'),
        )
    )
    runner = Runner.from_cfg(cfg)
    metrics = runner.test()
    assert set(metrics) == {'reconstruction/psnr', 'reconstruction/mse'}
    dataset = runner.test_dataloader.dataset
    targets = torch.stack([dataset[i]['inputs'] for i in range(3)]) / 127.5 - 1
    result = runner.model.invert(targets.flip(1))
    expected = psnr(result.reconstruction.flip(1), targets).mean()
    assert metrics['reconstruction/psnr'] == pytest.approx(float(expected), abs=1e-4)
    assert (tmp_path / 'test' / 'vis' / 'test_000000.png').is_file()


def test_training_does_not_resume_with_another_file_under_the_same_name(encoder_config, tmp_path):
    StrictRunner.from_cfg(encoder_config('run', max_iters=1)).train()
    resume = dict(max_iters=2, resume=True)
    os.utime(tmp_path / 'generator.safetensors', (0, 0))
    StrictRunner.from_cfg(encoder_config('run', **resume)).load_or_resume()
    weights = load_file(tmp_path / 'generator.safetensors')
    save_file(weights, tmp_path / 'generator.safetensors', {'made': 'again'})
    with pytest.raises(ValueError, match=r'The file .*generator.safetensors has changed since'):
        StrictRunner.from_cfg(encoder_config('run', **resume)).load_or_resume()
