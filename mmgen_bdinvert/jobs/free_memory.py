# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""How much memory this process may still take: what is free, and what it is allowed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch

__all__ = ['allowed_memory', 'free_memory']

# Of cgroup v2 and v1: limit, usage, and the part of the usage that the kernel can reclaim.
_UNIFIED = ('memory.max', 'memory.current', 'inactive_file')
_LEGACY = ('memory.limit_in_bytes', 'memory.usage_in_bytes', 'total_inactive_file')
_MIB = 2**20


def free_memory(device: torch.device) -> int | None:
    """Return the bytes of a device that this process can take, or None if that is unknown."""
    if device.type == 'cuda':
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type != 'cpu':
        return None
    found = [free for free in (_machine_memory(), allowed_memory()) if free is not None]
    return min(found, default=None)


def allowed_memory(root: Path = Path('/'), environ: Mapping[str, str] | None = None) -> int | None:
    """Return the bytes that control groups (containers, systemd) and Slurm leave, None if all.

    A process that takes more is killed, however much the machine has. ``proc`` and ``sys`` are read
    below ``root``.
    """
    environ = os.environ if environ is None else environ
    left = [*_left_by_groups(root), *_left_by_slurm(root, environ)]
    return max(0, min(left)) if left else None


def _left_by_groups(root: Path) -> Iterator[int]:
    for line in _text(root / 'proc/self/cgroup').splitlines():
        _, controllers, path = (*line.split(':', 2), '', '')[:3]
        if controllers == '':
            mount, names = root / 'sys/fs/cgroup', _UNIFIED
        elif 'memory' in controllers.split(','):
            mount, names = root / 'sys/fs/cgroup/memory', _LEGACY
        else:
            continue
        group = mount / path.strip('/')
        # All outer groups bind too. In a container, whose own group is mounted as the outermost,
        # the path may be one of the host's that does not exist here.
        while group.is_relative_to(mount):
            limit, used = (_number(_text(group / name)) for name in names[:2])
            if limit is not None and used is not None:
                yield limit - used + (_entry(group / 'memory.stat', names[2]) or 0)
            group = group.parent


def _left_by_slurm(root: Path, environ: Mapping[str, str]) -> Iterator[int]:
    limits = []  # of this node, in MiB
    with contextlib.suppress(KeyError, ValueError):
        limits.append(int(environ['SLURM_MEM_PER_NODE']))
    with contextlib.suppress(KeyError, ValueError):
        limits.append(int(environ['SLURM_MEM_PER_CPU']) * int(environ['SLURM_CPUS_ON_NODE']))
    for limit in limits:
        if limit > 0:  # 0 means all memory of the node
            yield limit * _MIB - (_entry(root / 'proc/self/status', 'VmRSS:') or 0) * 1024


def _machine_memory() -> int | None:
    available = _entry(Path('/proc/meminfo'), 'MemAvailable:')
    if available is not None:
        return available * 1024
    if 'SC_AVPHYS_PAGES' in getattr(os, 'sysconf_names', ()):
        return os.sysconf('SC_AVPHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    return None


def _entry(path: Path, name: str) -> int | None:
    """Return the number behind a name at the start of a line of a file."""
    for line in _text(path).splitlines():
        if line.split(maxsplit=1)[:1] == [name]:
            return _number(line.split()[1])
    return None


def _number(text: str) -> int | None:
    return int(text) if text.strip().isdigit() else None  # v2 writes 'max' where there is no limit


def _text(path: Path) -> str:
    try:
        return path.read_text('utf-8')
    except (OSError, ValueError):
        return ''
