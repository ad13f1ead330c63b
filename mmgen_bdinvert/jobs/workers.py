# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The processes of a run, and the queue through which they share its images.

They meet in torch's key-value store: that of the agent under ``torchrun``, else of the first
process. There are no collectives, so a slow process stalls no other. Images that a dead process
had taken have no record in the manifest: the next run, or torchrun's restart, inverts them.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

__all__ = ['WorkQueue', 'Workers', 'agree_on_session', 'join_workers', 'launched_environment']

_CHUNK = 1000  # items under one key: a key holds some megabytes at most
_POLL = 0.2  # seconds
_PATIENCE = timedelta(days=30)


@dataclass(frozen=True)
class Workers:
    """One process of a run and the store that it shares with the others.

    Args:
        rank (int): Number of this process. Defaults to 0.
        size (int): Number of processes. Defaults to 1.
        local_rank (int): Number of this process on its machine. Defaults to 0.
        store (torch.distributed.Store): Defaults to one for this process alone.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    store: Any = field(default_factory=dist.HashStore)

    @property
    def device(self) -> str | None:
        """The GPU of this process if several share a machine, else None."""
        if self.size == 1 or not torch.cuda.is_available():
            return None
        return f'cuda:{self.local_rank % torch.cuda.device_count()}'

    def wait_for(self, keys: Sequence[str], check: Callable[[], object]) -> None:
        """Wait until others have set all keys; ``check`` is called meanwhile and may raise."""
        while keys and not self.store.check(list(keys)):
            check()
            time.sleep(_POLL)

    def leave(self, check: Callable[[], object]) -> None:
        """Announce that this process has no more work; the first one waits for all others."""
        self.store.set(f'ended/{self.rank}', '1')
        if self.rank == 0:
            self.wait_for([f'ended/{rank}' for rank in range(1, self.size)], check)


class WorkQueue:
    """Items that JSON can hold, each handed out once, to whoever asks first."""

    def __init__(self, workers: Workers) -> None:
        self._workers, self._store = workers, dist.PrefixStore('queue', workers.store)
        self._chunk: tuple[int, list] = (-1, [])
        self._count = 0

    def publish(self, items: Sequence[Any]) -> None:
        """Give the items to all processes; one process does so."""
        for start in range(0, len(items), _CHUNK):
            self._store.set(f'items/{start // _CHUNK}', json.dumps(items[start : start + _CHUNK]))
        self._store.set('opened', json.dumps(len(items)))

    def refuse(self, reason: str) -> None:
        """Tell the processes that wait for items that there will be none."""
        self._store.set('opened', json.dumps(reason))

    def open(self, check: Callable[[], object]) -> int:
        """Wait for the items and return their number; a ValueError with the reason if refused."""
        self._workers.wait_for(['queue/opened'], check)
        opened = json.loads(self._store.get('opened'))
        if isinstance(opened, str):
            raise ValueError(opened)
        self._count = opened
        return opened

    def take(self) -> Any | None:
        """Return an item that no other process gets, or None if there is none left."""
        index = self._store.add('taken', 1) - 1
        if index >= self._count:
            return None
        number, offset = divmod(index, _CHUNK)
        if number != self._chunk[0]:
            self._chunk = (number, json.loads(self._store.get(f'items/{number}')))
        return self._chunk[1][offset]

    def count_finished(self, number: int = 0) -> int:
        """Add to the number of finished items, and return that of all processes."""
        return self._store.add('finished', number)


def launched_environment(launcher: str) -> None:
    """Set RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT as torchrun does.

    The variables of Slurm and Open MPI are read as mmengine reads them, but no GPU is needed.
    """
    program, started = {
        'slurm': ('srun', 'SLURM_PROCID'),
        'mpi': ('mpirun', 'OMPI_COMM_WORLD_RANK'),
        'pytorch': ('torchrun', 'RANK'),
    }[launcher]
    env = os.environ
    if started not in env:
        raise ValueError(
            f'--launcher {launcher} is for processes that {program} starts: the variable '
            f'{started} is not set.'
        )
    if launcher == 'slurm':
        env['RANK'], env['WORLD_SIZE'] = env['SLURM_PROCID'], env['SLURM_NTASKS']
        env['LOCAL_RANK'] = env.get('SLURM_LOCALID', '0')
        if 'MASTER_ADDR' not in env:
            names = ['scontrol', 'show', 'hostname', env['SLURM_NODELIST']]
            env['MASTER_ADDR'] = subprocess.check_output(names, text=True).split()[0]
    elif launcher == 'mpi':
        env['RANK'], env['WORLD_SIZE'] = env['OMPI_COMM_WORLD_RANK'], env['OMPI_COMM_WORLD_SIZE']
        env['LOCAL_RANK'] = env['OMPI_COMM_WORLD_LOCAL_RANK']
        if 'MASTER_ADDR' not in env:
            raise ValueError('--launcher mpi needs the name of the first machine: set MASTER_ADDR.')
    env.setdefault('MASTER_PORT', '29500')


def join_workers(launcher: str = 'none') -> Workers:
    """Find the other processes of this run.

    Args:
        launcher (str): 'none', 'pytorch' (torchrun), 'slurm' or 'mpi' (Open MPI). Defaults to
            'none'.

    Returns:
        Workers: This process, with an open store.

    Raises:
        ValueError: The process was not started by this launcher.
    """
    if launcher == 'none':
        return Workers()
    launched_environment(launcher)
    store, rank, size = next(dist.rendezvous('env://'))
    store.set_timeout(_PATIENCE)
    store = dist.PrefixStore(agree_on_session(store, rank, size), store)
    return Workers(rank, size, int(os.environ.get('LOCAL_RANK', '0')), store)


def agree_on_session(store: dist.Store, rank: int, size: int) -> str:
    """Give all processes of one attempt the same key, which no other attempt has.

    torchrun's store outlives the processes that it restarts, with the queue of the dead ones in it.
    So each process asks under a new name, and the first one answers until all have acknowledged.
    """
    me = uuid.uuid4().hex
    if rank > 0:
        store.set(f'asks/{rank}', me)
        store.wait([f'answer/{me}'])
        session = store.get(f'answer/{me}').decode()
        store.set(f'{session}/knows/{rank}', '1')
        return session
    unaware = set(range(1, size))
    while unaware:
        for other in sorted(unaware):
            if store.check([f'{me}/knows/{other}']):
                unaware.discard(other)
            elif store.check([f'asks/{other}']):  # a dead one perhaps; its successor asks again
                store.set(f'answer/{store.get(f"asks/{other}").decode()}', me)
        time.sleep(_POLL)
    return me
