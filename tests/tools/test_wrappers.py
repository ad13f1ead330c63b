# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The shell wrappers of ``tools``."""

import os

from tests.fixtures.shell import ROOT, shell, the_error


def test_wrappers_without_arguments_show_their_usage():
    for script in ('dist_train.sh', 'dist_test.sh', 'slurm_train.sh'):
        assert 'CONFIG' in the_error(shell(script))


def test_the_slurm_wrapper_asks_for_what_it_is_told(tmp_path):
    srun = tmp_path / 'srun'
    srun.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    srun.chmod(0o755)
    env = dict(PATH=f'{tmp_path}:{os.environ["PATH"]}', GPUS='16', SRUN_ARGS='--qos high')
    done = shell('slurm_train.sh', 'part', 'name', 'bdinvert_enc_ffhq', '--resume', **env)
    words = done.stdout.splitlines()
    assert {'--partition=part', '--job-name=name', '--ntasks=16', '--gres=gpu:8'} <= set(words)
    assert words[words.index('--qos') + 1] == 'high'
    tail = [str(ROOT / 'tools/train.py'), 'bdinvert_enc_ffhq', '--launcher', 'slurm', '--resume']
    assert words[-5:] == tail
