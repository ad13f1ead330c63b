# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Interleaved measurements of the baseline and of this package."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from statistics import median

import torch

from mmgen_bdinvert.apis.statistics import fit_statistics
from mmgen_bdinvert.models.acceleration.allocator import kept_memory
from mmgen_bdinvert.models.acceleration.precision import gains_from_bfloat16_gradients

from .accuracy import measure_errors
from .machine import convolution_rate, count_operations
from .ours import OurTraining, time_inversion
from .plain import PlainInversion, PlainTraining, plain_statistics
from .setting import Setting

__all__ = ['Row', 'measure_encoder', 'measure_statistics', 'measure_step']

# The baseline, and ours by ``amp`` of an inverter.
_PRECISIONS: dict[str, bool | str] = {
    'fp32': False,
    'bf16': True,
    'bf16 gradients': 'gradients',
}


@dataclass(frozen=True)
class Row:
    """One measurement at one size.

    Args:
        what (str): 'step', 'encoder', 'memory', 'statistics' or 'objective'.
        size (int): Side of the images.
        batch (int): Images at a time.
        values (dict[str, float]): By side: seconds, or MiB.
        gflop (float | None): GFLOP of a step or an iteration. Defaults to None.
        rate (float | None): Rate of the large convolution in GFLOP a second. Defaults to None.
        figures (dict[str, dict[str, float]]): Other results, by name and side. Defaults to nothing.
    """

    what: str
    size: int
    batch: int
    values: dict[str, float]
    gflop: float | None = None
    rate: float | None = None
    figures: dict[str, dict[str, float]] = field(default_factory=dict)

    def ratio(self, side: str) -> float:
        """Return the factor by which a side is better than the baseline."""
        return self.values['plain'] / self.values[side]

    def share(self, side: str) -> float | None:
        """Return the share of the convolution's rate that a side reaches."""
        if self.gflop is None or self.rate is None:
            return None
        return self.gflop / self.values[side] / self.rate

    def to_dict(self) -> dict:
        """Return everything, for JSON."""
        ratios = {side: self.ratio(side) for side in self.values}
        shares = {side: self.share(side) for side in self.values}
        return {**asdict(self), 'ratios': ratios, 'shares': shares}


def measure_step(setting: Setting, repeats: int = 5) -> Row:
    """Time steps of regularised inversion: in turns, the median of each side; and their errors.

    Args:
        setting (Setting): What is inverted.
        repeats (int): Rounds. Defaults to 5.
    """
    plain = PlainInversion(setting)
    gflop = _operations_of_a_step(setting)
    steps = 6 if setting.device.type == 'cuda' else 1  # a CUDA graph repeats the fourth one
    precisions = dict(_PRECISIONS)
    if not gains_from_bfloat16_gradients(setting.device):
        del precisions['bf16 gradients']
    times: dict[str, list[float]] = {side: [] for side in ('plain', *precisions)}
    rates = []
    for _ in range(repeats):
        rates.append(convolution_rate(setting.device, 1))
        times['plain'].append(_second(plain.step, setting))
        for side, amp in precisions.items():
            times[side].append(_last(time_inversion(setting, steps, amp)))
    values = {side: median(seconds) for side, seconds in times.items()}
    errors = measure_errors(setting, precisions)
    return Row('step', setting.size, setting.batch, values, gflop, median(rates), errors)


def measure_encoder(setting: Setting, repeats: int = 5) -> Row:
    """Time iterations of encoder training: in turns, the median of each side.

    Args:
        setting (Setting): What is trained.
        repeats (int): Rounds. Defaults to 5.
    """
    sides: dict[str, PlainTraining | OurTraining] = {
        'plain': PlainTraining(setting),
        'fp32': OurTraining(setting),
        'bf16': OurTraining(setting, amp=True),
    }
    sides['bf16'].step()  # what is done once is not counted
    gflop = count_operations(sides['bf16'].step)  # without Winograd's way, which does fewer
    times: dict[str, list[float]] = {side: [] for side in sides}
    rates = []
    for _ in range(repeats):
        rates.append(convolution_rate(setting.device, 1))
        times['plain'].append(_second(sides['plain'].step, setting))
        with kept_memory():  # as the trainer does
            times['fp32'].append(_second(sides['fp32'].step, setting))
            times['bf16'].append(_second(sides['bf16'].step, setting))
    values = {side: median(seconds) for side, seconds in times.items()}
    return Row('encoder', setting.size, setting.batch, values, gflop, median(rates))


def measure_statistics(setting: Setting, repeats: int = 5, num_samples: int = 100_000) -> Row:
    """Time the latent statistics: in turns, the median of each side.

    Args:
        setting (Setting): Whose mapping network is sampled; its images do not matter.
        repeats (int): Rounds. Defaults to 5.
        num_samples (int): Style vectors. Defaults to 100,000.
    """
    times: dict[str, list[float]] = {'plain': [], 'fp32': []}
    for _ in range(repeats):
        for side, measure in (('plain', plain_statistics), ('fp32', fit_statistics)):
            began = time.perf_counter()
            measure(setting.generator, num_samples=num_samples)
            _wait(setting)
            times[side].append(time.perf_counter() - began)
    values = {side: median(seconds) for side, seconds in times.items()}
    return Row('statistics', setting.size, setting.batch, values)


def _operations_of_a_step(setting: Setting) -> float:
    # In bfloat16, which does without Winograd's way: that does fewer.
    one = count_operations(lambda: time_inversion(setting, 1, True))
    return count_operations(lambda: time_inversion(setting, 2, True)) - one


def _second(step: Callable[[], object], setting: Setting) -> float:
    """Time the second of two steps: the first refills caches and memory."""
    step()
    _wait(setting)
    began = time.perf_counter()
    step()
    _wait(setting)
    return time.perf_counter() - began


def _wait(setting: Setting) -> None:
    if setting.device.type == 'cuda':
        torch.cuda.synchronize()


def _last(times: list[float]) -> float:
    return times[-1]
