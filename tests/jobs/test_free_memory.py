# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Limits of containers and of Slurm, read from files like those of Linux."""

import pytest
import torch

from mmgen_bdinvert.jobs import free_memory as module
from mmgen_bdinvert.jobs.free_memory import allowed_memory, free_memory

MIB = 2**20
UNLIMITED = 9223372036854771712  # what cgroup v1 writes where there is no limit


@pytest.fixture()
def system(tmp_path):
    """Return a function that writes files of a system and returns its root."""

    def make(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f'{text}\n')
        return tmp_path

    return make


def group(folder, limit, used, cached=0):
    """Files of a group of cgroup v2."""
    stat = f'anon 5\ninactive_file {cached}\nactive_file 7'
    return {
        f'{folder}/memory.max': limit,
        f'{folder}/memory.current': used,
        f'{folder}/memory.stat': stat,
    }


def test_a_group_of_cgroup_v2(system):
    files = group('sys/fs/cgroup/user/job', 300 * MIB, 120 * MIB, 20 * MIB)
    root = system({'proc/self/cgroup': '0::/user/job', **files})
    assert allowed_memory(root, {}) == 200 * MIB  # what is cached can be had back


def test_the_narrowest_group_around_counts(system):
    files = group('sys/fs/cgroup/user/job', 'max', 120 * MIB)
    files.update(group('sys/fs/cgroup/user', 150 * MIB, 130 * MIB))
    root = system({'proc/self/cgroup': '0::/user/job', **files})
    assert allowed_memory(root, {}) == 20 * MIB


def test_a_container_whose_group_is_mounted_as_the_outermost(system):
    files = group('sys/fs/cgroup', 100 * MIB, 30 * MIB)
    root = system({'proc/self/cgroup': '0::/docker/of/the/host', **files})
    assert allowed_memory(root, {}) == 70 * MIB


def test_a_group_of_cgroup_v1(system):
    folder = 'sys/fs/cgroup/memory/slurm/job_7'
    files = {
        'proc/self/cgroup': '5:cpu,cpuacct:/x\n4:memory:/slurm/job_7\n0::/',
        f'{folder}/memory.limit_in_bytes': 64 * MIB,
        f'{folder}/memory.usage_in_bytes': 24 * MIB,
        f'{folder}/memory.stat': f'inactive_file 1\ntotal_inactive_file {4 * MIB}',
        'sys/fs/cgroup/memory/memory.limit_in_bytes': UNLIMITED,
        'sys/fs/cgroup/memory/memory.usage_in_bytes': 900 * MIB,
    }
    assert allowed_memory(system(files), {}) == 44 * MIB


@pytest.mark.parametrize(
    ('environ', 'left'),
    [
        ({'SLURM_MEM_PER_NODE': '1000'}, 900),
        ({'SLURM_MEM_PER_CPU': '300', 'SLURM_CPUS_ON_NODE': '4'}, 1100),
        ({'SLURM_MEM_PER_NODE': '0'}, None),  # all of the node
        ({'SLURM_MEM_PER_CPU': '300'}, None),
        ({'SLURM_MEM_PER_NODE': 'many'}, None),
        ({'SLURM_MEM_PER_NODE': '60'}, 0),
        ({}, None),
    ],
)
def test_a_job_of_slurm(system, environ, left):
    root = system({'proc/self/status': f'Name:\tpython\nVmRSS:\t  {100 * 1024} kB'})
    assert allowed_memory(root, environ) == (None if left is None else left * MIB)


def test_without_limits_there_is_none(system):
    files = group('sys/fs/cgroup', 'max', 30 * MIB)
    assert allowed_memory(system({'proc/self/cgroup': '0::/', **files}), {}) is None
    assert allowed_memory(system({}) / 'nowhere', {}) is None


def test_the_limit_bounds_what_the_machine_has(monkeypatch):
    monkeypatch.setattr(module, '_machine_memory', lambda: 500)
    monkeypatch.setattr(module, 'allowed_memory', lambda: 200)
    assert free_memory(torch.device('cpu')) == 200
    monkeypatch.setattr(module, 'allowed_memory', lambda: None)
    assert free_memory(torch.device('cpu')) == 500
    assert free_memory(torch.device('meta')) is None
