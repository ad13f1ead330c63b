# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Peak memory of a few steps, each side in a process of its own."""

from __future__ import annotations

import resource
import subprocess
import sys

import torch

from .measure import Row

__all__ = ['MEMORY_SIDES', 'measure_memory', 'peak_of']

MEMORY_SIDES = ('plain', 'fp32', 'bf16', 'checkpointed', 'bf16 checkpointed')
_STEPS = 2


def measure_memory(size: int, batch: int, device: torch.device, width: int | None = None) -> Row:
    """Measure the peak of each side: resident memory of a process, or allocated GPU memory.

    Args:
        size (int): Side of the images.
        batch (int): Images at a time.
        device (torch.device): The device.
        width (int | None): As for :class:`Setting`. Defaults to None.

    Returns:
        Row: In MiB.

    Raises:
        RuntimeError: A process fails, for instance because memory does not suffice.
    """
    values = {}
    for side in MEMORY_SIDES:
        command = [sys.executable, '-m', __name__, side, str(size), str(batch), str(device)]
        command += [] if width is None else [str(width)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f'exit code {done.returncode}']
            raise RuntimeError(f'Measuring the memory of {side} at {size} failed: {lines[-1]}')
        values[side] = float(done.stdout.split()[-1])
    return Row('memory', size, batch, values)


def peak_of(
    side: str, size: int, batch: int, device: torch.device, width: int | None = None
) -> float:
    """Do some steps of a side in this process, and return its peak so far in MiB."""
    from .ours import time_inversion
    from .plain import PlainInversion
    from .setting import Setting

    setting = Setting(size, batch, device, width, checkpointing='checkpointed' in side)
    if side == 'plain':
        inversion = PlainInversion(setting, in_place=True)
        for _ in range(_STEPS):
            inversion.step()
    else:
        time_inversion(setting, _STEPS - 1, amp='bf16' in side)
    if device.type == 'cuda':
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10  # Linux counts in KiB


if __name__ == '__main__':
    from mmgen_bdinvert.utils import silence_host

    _side, _size, _batch, _device, *_width = sys.argv[1:]
    with silence_host():
        _peak = peak_of(_side, int(_size), int(_batch), torch.device(_device), *map(int, _width))
    print(_peak)
