# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""How much memory this process may still take: what is free, and what it is allowed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch

__all__ = ['allowed_memory', 'free_memory']

# Of cgroup v2 and v1: limit, use, and what of the use the kernel takes back when it needs it.
_UNIFIED = ('memory.max', 'memory.current', 'inactive_file')
_LEGACY = ('memory.limit_in_bytes', 'memory.usage_in_bytes', 'total_inactive_file')
_MIB = 2**20


def free_memory(device: torch.device) -> int | None:
    """Return the bytes of a device that this process can take, or None where nothing tells."""
    if device.type == 'cuda':
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type != 'cpu':
        return None
    found = [free for free in (_machine_memory(), allowed_memory()) if free is not None]
    return min(found, default=None)


def allowed_memory(root: Path = Path('/'), environ: Mapping[str, str] | None = None) -> int | None:
    """Return what control groups (containers, systemd) and Slurm leave of their limits.

    A process that takes more is killed, however much the machine has.
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
        # A group is bound by those around it. In a container, whose own group is mounted as the
        # outermost one, the path may be one of the host's and lead nowhere.
        while group.is_relative_to(mount):
            limit, used = (_number(group / name) for name in names[:2])
            if limit is not None and used is not None:
                yield limit - used + _reclaimable(group, names[2])
            group = group.parent


def _left_by_slurm(root: Path, environ: Mapping[str, str]) -> Iterator[int]:
    limits = []  # of this node, in MiB
    with contextlib.suppress(KeyError, ValueError):
        limits.append(int(environ['SLURM_MEM_PER_NODE']))
    with contextlib.suppress(KeyError, ValueError):
        limits.append(int(environ['SLURM_MEM_PER_CPU']) * int(environ['SLURM_CPUS_ON_NODE']))
    for limit in limits:
        if limit > 0:  # 0 is all that the node has
            yield limit * _MIB - _resident(root)


def _machine_memory() -> int | None:
    for line in _text(Path('/proc/meminfo')).splitlines():
        if line.startswith('MemAvailable:'):
            return int(line.split()[1]) * 1024
    if 'SC_AVPHYS_PAGES' in getattr(os, 'sysconf_names', ()):
        return os.sysconf('SC_AVPHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    return None


def _resident(root: Path) -> int:
    for line in _text(root / 'proc/self/status').splitlines():
        if line.startswith('VmRSS:'):
            return int(line.split()[1]) * 1024
    return 0


def _reclaimable(group: Path, name: str) -> int:
    for line in _text(group / 'memory.stat').splitlines():
        if line.startswith(f'{name} '):
            return int(line.split()[1])
    return 0


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None  # v2 writes 'max' where there is no limit


def _text(path: Path) -> str:
    try:
        return path.read_text('utf-8')
    except (OSError, ValueError):
        return ''
