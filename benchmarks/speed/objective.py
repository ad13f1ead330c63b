# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""How soon the presets reach the objective of the paper's schedule with unmodified mmgen."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mmgen_bdinvert.models import RegularizedInverter
from mmgen_bdinvert.models.inverters.base_inverter import StepCallback
from mmgen_bdinvert.models.inverters.presets import preset_settings

from .faces import FaceSetting
from .measure import Row
from .plain import PlainInversion
from .setting import Setting

__all__ = ['SHORTER', 'measure_objective']

SHORTER = ('fast', 'draft')  # the presets that are measured, from the centre of P-norm+ space
PREDICTED = ' predicted'  # the same from a detail encoder's prediction


def measure_objective(
    setting: Setting | FaceSetting,
    steps: int = 1200,
    batch: int = 1,
    sample: int | None = None,
    goals: Sequence[float] | None = None,
    report: Callable[[str], object] | None = None,
) -> Row:
    """Invert pictures with unmodified mmgen (the plain side), and with the shorter presets.

    Where the setting has a detail encoder, the presets start at its prediction too. The plain side
    follows the paper's schedule. The sides take turns, batch by batch; the time of an inversion
    includes the encoder's guess.

    Args:
        setting (Setting | FaceSetting): All pictures, and what inverts them.
        steps (int): Steps of the plain side. Defaults to 1200.
        batch (int): Pictures at a time, on every side. Defaults to 1.
        sample (int | None): Do only this many of the plain side's steps, two or more, and
            extrapolate its time to ``steps``; the preset ``paper``, the same steps done faster,
            shows what they reach. Defaults to None: the plain side does all steps.
        goals (Sequence[float] | None): For each picture the objective that ``paper`` reached in
            another run, which is then left out; with ``sample``. Defaults to None.
        report (Callable[[str], object] | None): Called with a line on each batch and side as soon
            as it is done. Defaults to None.

    Returns:
        Row: Seconds of all pictures, and in ``figures`` the means of objective, perceptual distance
        and ``mean(v²)``, and the seconds and steps after which the batches' mean objective was as
        low as that of the paper's schedule (steps are means over the batches). NaN for an objective
        that was not reached, and for the means of a plain side that did not do all steps.
    """
    sides = ['plain', *([] if sample is None or goals is not None else ['paper']), *SHORTER]
    if setting.detail_encoder is not None:
        sides += [f'{side}{PREDICTED}' for side in SHORTER]
    seconds = dict.fromkeys(sides, 0.0)
    reached = dict.fromkeys(sides, 0.0)
    counts: dict[str, list[float]] = {side: [] for side in sides}
    found: dict[str, list[dict[str, Tensor]]] = {side: [] for side in sides}
    for start in range(0, setting.batch, batch):
        part = setting.part(start, start + batch)
        judge = PlainInversion(part)
        target = math.nan if goals is None else fmean(goals[start : start + batch])
        for side in sides:
            done = _invert(part, side, steps, sample, target)
            seconds[side] += done.seconds
            reached[side] += done.until
            counts[side].append(done.steps)
            with torch.no_grad():
                terms = judge.terms(*done.codes)
            terms['objective'] = judge.total(terms)
            if side == 'plain' and sample is not None:
                terms = {name: torch.full_like(value, torch.nan) for name, value in terms.items()}
            if goals is None and side in ('plain', 'paper'):
                target = float(terms['objective'].mean())
            found[side].append(terms)
            if report is not None:
                losses = ', '.join(
                    f'{name} {float(loss.mean()):.5f}' for name, loss in terms.items()
                )
                report(
                    f'picture {start + 1}, {side}: {done.seconds:.1f} s (as low as the schedule '
                    f'after {done.until:.1f} s, {done.steps:.0f} steps); {losses}'
                )
    figures = {
        title: {side: float(torch.cat([t[key] for t in found[side]]).mean()) for side in sides}
        for title, key in (
            ('objective', 'objective'),
            ('perceptual distance', 'perceptual'),
            ('mean v²', 'detail'),
        )
    }
    figures["seconds to the schedule's objective"] = reached
    figures["steps to the schedule's objective"] = {k: fmean(v) for k, v in counts.items()}
    return Row('objective', setting.size, batch, seconds, figures=figures)


class _Stopwatch:
    """Callback of an inversion that notes when the images' mean objective is low enough.

    It waits for the device in every step, which is part of the time that is measured.
    """

    def __init__(self, target: float):
        self.target, self.reached, self.step = target, math.nan, math.nan
        self._best: Tensor | None = None
        self._began = time.perf_counter()

    def passed(self, device: torch.device) -> float:
        if device.type == 'cuda':
            torch.cuda.synchronize()
        return time.perf_counter() - self._began

    def __call__(self, step: int, num_steps: int, losses: dict[str, Tensor], images: Tensor):
        total = losses['total']
        self._best = total if self._best is None else torch.fmin(self._best, total)
        if math.isnan(self.reached) and float(self._best.mean()) <= self.target:
            self.reached, self.step = self.passed(total.device), step


class _Inversion(NamedTuple):
    """Codes of a side, the seconds of all its steps, and seconds and steps until the target."""

    codes: tuple[Tensor, Tensor]
    seconds: float
    until: float
    steps: float


def _invert(
    setting: Setting | FaceSetting, side: str, steps: int, sample: int | None, target: float
) -> _Inversion:
    if side == 'plain':
        codes, passed = _plainly(setting, steps, sample)
        return _Inversion(codes, passed, passed, steps)
    predicts = side.endswith(PREDICTED)
    preset: dict[str, Any] = {
        'detail_encoder': setting.detail_encoder if predicts else None,
        **preset_settings(side.removesuffix(PREDICTED), predicts),
    }
    if side == 'paper':
        preset['num_steps'] = steps
    watch = _Stopwatch(target)
    codes = _with_preset(setting, preset, watch)
    passed = watch.passed(setting.device)
    if side == 'paper':
        return _Inversion(codes, passed, passed, steps)
    return _Inversion(codes, passed, watch.reached, watch.step)


def _plainly(
    setting: Setting | FaceSetting, steps: int, sample: int | None
) -> tuple[tuple[Tensor, Tensor], float]:
    """Return the codes after so many steps, or after some of them, and the seconds of all."""
    watch = _Stopwatch(math.nan)
    inversion = PlainInversion(setting)
    inversion.step()
    first = watch.passed(setting.device)  # with all that comes before
    count = steps if sample is None else sample
    for _ in range(count - 1):
        inversion.step()
    rest = watch.passed(setting.device) - first
    codes = inversion.base.detach(), inversion.detail.detach()
    return codes, first + rest * (steps - 1) / max(1, count - 1)


def _with_preset(
    setting: Setting | FaceSetting, preset: dict[str, Any], callback: StepCallback
) -> tuple[Tensor, Tensor]:
    weights = setting.weights
    inverter = RegularizedInverter(
        setting.generator,
        setting.encoder,
        statistics=setting.statistics,
        losses=dict(
            pixel=dict(type='PixelMSELoss', loss_weight=weights['pixel']),
            perceptual=setting.perceptual,
            base=dict(type='BaseCodeDistance', loss_weight=weights['base']),
            detail=dict(type='PNormLoss', loss_weight=weights['detail']),
        ),
        **preset,
    )
    code = inverter.invert(setting.images, callback).code
    return code.base, code.detail
