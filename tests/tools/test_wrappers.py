# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The shell wrappers of ``tools``."""

import os
from pathlib import Path

import pytest

from tests.fixtures.shell import ROOT, shell, the_error


def test_wrappers_without_arguments_show_their_usage():
    for script in ('dist_train.sh', 'dist_test.sh', 'slurm_train.sh'):
        assert 'CONFIG' in the_error(shell(script))


@pytest.mark.parametrize(
    ('script', 'tail'),
    [
        ('dist_train.sh', ['train.py', 'c.py', '--launcher', 'pytorch', 'x.pth', '--amp']),
        ('dist_test.sh', ['test.py', 'c.py', 'x.pth', '--amp', '--launcher', 'pytorch']),
        ('dist_invert.sh', ['invert.py', 'c.py', '--launcher', 'pytorch', 'x.pth', '--amp']),
    ],
)
def test_a_wrapper_starts_torchrun_as_it_is_told(script, tail, tmp_path):
    python = tmp_path / 'python'
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)
    env = dict(PYTHON=str(python), NNODES='2', NODE_RANK='1', MASTER_ADDR='node0', PORT='1234')
    words = shell(script, 'c.py', 3, 'x.pth', '--amp', **env).stdout.splitlines()
    assert words[:2] == ['-m', 'torch.distributed.run']
    options = dict(zip(words[2:-6:2], words[3:-6:2]))
    assert options['--nproc_per_node'] == '3' and options['--nnodes'] == '2'
    assert options['--node_rank'] == '1'
    assert (options['--master_addr'], options['--master_port']) == ('node0', '1234')
    assert [Path(words[-6]).resolve(), *words[-5:]] == [ROOT / 'tools' / tail[0], *tail[1:]]


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
