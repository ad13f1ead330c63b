# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The machine: the rate of a large convolution, and a description."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

__all__ = ['convolution_rate', 'count_operations', 'describe_machine']

_BATCH, _CHANNELS, _SIZE = 4, 512, 64


def convolution_rate(device: torch.device, repeats: int = 3) -> float:
    """Measure the rate of a plain float32 3×3 convolution, 512 to 512 channels at 64×64, batch 4.

    Args:
        device (torch.device): The device.
        repeats (int): Number of measurements, whose median is returned. Defaults to 3.

    Returns:
        float: GFLOP a second; a multiplication and an addition count as two.
    """
    x = torch.ones(_BATCH, _CHANNELS, _SIZE, _SIZE, device=device)
    weight = torch.ones(_CHANNELS, _CHANNELS, 3, 3, device=device)
    work = 2 * _BATCH * _CHANNELS**2 * 9 * _SIZE**2 / 1e9
    times = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        F.conv2d(x, weight, padding=1)
        if device.type == 'cuda':
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return work / median(times[1:])


def count_operations(work: Callable[[], object]) -> float:
    """Count the GFLOP of convolutions and matrix products, backward passes included."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops() / 1e9


def describe_machine(device: torch.device) -> str:
    """Return processor, threads and versions in one line."""
    if device.type == 'cuda':
        name = torch.cuda.get_device_name(device)
    else:
        lines = Path('/proc/cpuinfo').read_text() if Path('/proc/cpuinfo').is_file() else ''
        models = [s.partition(':')[2].strip() for s in lines.splitlines() if 'model name' in s]
        name = models[0] if models else platform.processor() or platform.machine()
        name += f' ({torch.backends.cpu.get_cpu_capability()})'
    threads = torch.get_num_threads()
    return f'{name}, {threads} threads, torch {torch.__version__}'
