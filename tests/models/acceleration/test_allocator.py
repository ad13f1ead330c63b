# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import contextlib
import gc
import platform
import types

import pytest
import torch

from mmgen_bdinvert.models.acceleration import allocator
from mmgen_bdinvert.models.acceleration.allocator import keep_memory, kept_memory, returned_memory


@pytest.fixture(autouse=True)
def nothing_is_kept():
    """Let go of what a training earlier in this process keeps."""
    allocator._forever.close()
    keep_memory.cache_clear()


# In a process of its own: one that has run before has free memory to hand.
SCRIPT = '''
import torch

from mmgen_bdinvert.models.acceleration.allocator import kept_memory

MIB = 1 << 20


def resident():
    """Return the memory of this process that is in use, in MiB."""
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * 4096 / MIB


block = 256 * MIB // 4
torch.ones(block)
with kept_memory():
    torch.ones(block)
before = resident()
with kept_memory():
    with kept_memory():
        torch.ones(block)
        assert resident() > before + 200
    torch.ones(block)
    assert resident() > before + 200  # the inner block ends, the outer one goes on
assert resident() < before + 50
torch.ones(block)
assert resident() < before + 50
'''


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='glibc alone has this')
def test_memory_stays_inside_and_goes_afterwards(run_fresh):
    assert run_fresh(SCRIPT).stderr == ''


# Maps of 16 MiB, of which every second one is freed: the holes between them.
RETURNED = (
    SCRIPT.split('block =')[0].replace('kept_', 'returned_')
    + '''
def holes():
    """Return how much stays when every second map is freed, beside the others."""
    before = resident()
    maps = [torch.ones(4 * MIB) for _ in range(24)]
    del maps[::2]
    return resident() - before - 12 * 16


# First: what lies free on the heap would be used before the system is asked.
with returned_memory():
    assert holes() < 40
torch.ones(8 * MIB - 1024)  # from now on glibc keeps such blocks on its heap
assert holes() > 100
'''
)


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='glibc alone has this')
def test_memory_is_returned_inside(run_fresh):
    assert run_fresh(RETURNED).stderr == ''


def test_what_is_kept_elsewhere_is_not_returned(monkeypatch):
    settings = []
    libc = types.SimpleNamespace(mallopt=lambda *a: settings.append(a), malloc_trim=settings.append)
    monkeypatch.setattr(allocator, '_glibc', lambda: libc)
    with kept_memory():
        before = list(settings)
        with returned_memory():
            pass
        assert settings == before


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='glibc alone has this')
def test_it_can_be_kept_for_good(monkeypatch):
    with contextlib.ExitStack() as stack:
        monkeypatch.setattr(allocator, '_forever', stack)
        before = allocator._users
        for _ in range(2):
            keep_memory.__wrapped__()
        gc.collect()
        assert allocator._users == before + 2
    assert allocator._users == before


def test_other_systems_do_without(monkeypatch):
    monkeypatch.setattr(allocator, '_glibc', lambda: None)
    with kept_memory(), returned_memory():
        assert torch.ones(3).sum() == 3


def test_an_error_inside_ends_it():
    before = allocator._users
    with pytest.raises(KeyError), kept_memory():
        raise KeyError('inside')
    assert allocator._users == before
