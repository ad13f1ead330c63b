# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Checkpoints of somebody else outlive a training in their folder."""

from types import SimpleNamespace

import pytest
from mmengine.logging import MMLogger
from mmgen.registry import HOOKS

from mmgen_bdinvert.engine import StrictRunner
from mmgen_bdinvert.engine.hooks import OwnCheckpointHook
from mmgen_bdinvert.io import ForeignFileError, claim_outputs
from mmgen_bdinvert.io.ownership import made_in


@pytest.fixture()
def hooked(tmp_path):
    """Return a hook that was told of a training, with what that training resumed from."""

    def make(**info):
        hub = SimpleNamespace(runtime_info=info, get_info=info.__getitem__)
        runner = SimpleNamespace(
            work_dir=str(tmp_path / 'run'),
            message_hub=hub,
            logger=MMLogger.get_current_instance(),
            save_checkpoint=lambda *args: None,
        )
        hook = HOOKS.build(
            dict(type='CheckpointHook', by_epoch=False, interval=1, save_best='x', rule='less')
            | dict(max_keep_ckpts=1)
        )
        hook.before_train(runner)
        return hook, runner

    (tmp_path / 'run').mkdir()
    return make


def test_configs_that_name_mmengines_hook_get_it():
    assert HOOKS.get('CheckpointHook') is OwnCheckpointHook


@pytest.mark.parametrize('own', [True, False])
def test_only_own_checkpoints_are_removed(hooked, tmp_path, own):
    old, best = tmp_path / 'run' / 'iter_1.pth', tmp_path / 'elsewhere' / 'best.pth'
    best.parent.mkdir()
    if own:
        claim_outputs([old, best], 'train')
    for path in (old, best):
        path.write_text('weights')
    hook, _ = hooked(keep_ckpt_ids=[1, 2], best_ckpt=str(best))
    assert old.exists() == (not own)
    assert hook.file_backend.isfile(str(best)) == own  # it asks before it removes


def test_the_name_of_the_last_checkpoint_does_not_replace_a_file(hooked, tmp_path):
    (tmp_path / 'run' / 'last_checkpoint').write_text('mine')
    with pytest.raises(ForeignFileError, match='last_checkpoint'):
        hooked()


def test_checkpoints_of_any_runner_are_noted(hooked, tmp_path):
    _, runner = hooked()
    runner.save_checkpoint(str(tmp_path / 'run'), 'iter_5.pth')
    assert 'iter_5.pth' in made_in(tmp_path / 'run', 'train')


def test_a_training_leaves_its_config_and_foreign_checkpoints_alone(tmp_path, monkeypatch):
    runner = StrictRunner.__new__(StrictRunner)
    runner._work_dir, runner._timestamp = str(tmp_path), 'now'
    (tmp_path / 'iter_9.pth').write_text('mine')
    with pytest.raises(ForeignFileError, match='iter_9.pth'):
        runner.train()
    assert (tmp_path / 'iter_9.pth').read_text() == 'mine'
