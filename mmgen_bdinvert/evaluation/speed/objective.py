# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""How soon the presets reach the objective of the paper's schedule, driven plainly."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from statistics import mean

import torch
from torch import Tensor

from ...models import RegularizedInverter
from ...models.optimization_inverter import StepCallback
from ...models.presets import PRESETS
from .faces import FaceSetting
from .measure import Row
from .plain import PlainInversion
from .setting import Setting

__all__ = ['SHORTER', 'measure_objective']

SHORTER = ('fast', 'draft')  # the presets that are measured


def measure_objective(
    setting: Setting | FaceSetting,
    steps: int = 1200,
    batch: int = 1,
    sample: int | None = None,
    targets: Sequence[float] | None = None,
) -> Row:
    """Invert pictures plainly, with the paper's schedule, and with the shorter presets.

    The sides take turns, batch by batch. Time is that of the whole inversion, from the encoder's
    guess on.

    Args:
        setting (Setting | FaceSetting): All pictures, and what inverts them.
        steps (int): Steps of the plain side. Defaults to 1200.
        batch (int): Pictures at a time, on every side. Defaults to 1.
        sample (int | None): Do only so many of the plain side's steps, two or more, and take its
            time for ``steps`` from them; its figures are then NaN. Defaults to None: all of them.
        targets (Sequence[float] | None): Objective of each picture that the presets are to reach.
            Defaults to None: that of the plain side.

    Returns:
        Row: Seconds of all pictures, and in ``figures`` the means of objective, perceptual distance
        and ``mean(v²)``, and the seconds after which the batches' mean objective was as low as the
        plain side's: NaN where it never was.

    Raises:
        ValueError: If there is not one target for each picture.
    """
    if targets is not None and len(targets) != setting.batch:
        raise ValueError(f'{setting.batch} pictures have as many targets, but got {len(targets)}.')
    seconds = dict.fromkeys(('plain', *SHORTER), 0.0)
    reached = dict.fromkeys(seconds, 0.0)
    found: dict[str, list[dict[str, Tensor]]] = {side: [] for side in seconds}
    for start in range(0, setting.batch, batch):
        part = setting.part(start, start + batch)
        judge = PlainInversion(part)
        target = math.nan if targets is None else mean(targets[start : start + batch])
        for side in seconds:
            if side == 'plain':
                codes, passed = _plainly(part, steps, sample)
                reached[side] += passed
            else:
                watch = _Stopwatch(target)
                codes = _by_preset(part, side, watch)
                passed = watch.passed(setting.device)
                reached[side] += watch.reached
            seconds[side] += passed
            with torch.no_grad():
                terms = judge.terms(*codes)
            terms['objective'] = judge.total(terms)
            if side == 'plain' and sample is not None:
                terms = {name: torch.full_like(value, torch.nan) for name, value in terms.items()}
            if side == 'plain' and targets is None:
                target = float(terms['objective'].mean())
            found[side].append(terms)
    figures = {
        title: {side: float(torch.cat([t[key] for t in found[side]]).mean()) for side in seconds}
        for title, key in (
            ('objective', 'objective'),
            ('perceptual distance', 'perceptual'),
            ('mean v²', 'detail'),
        )
    }
    figures["seconds to the plain side's objective"] = reached
    return Row('objective', setting.size, batch, seconds, figures=figures)


class _Stopwatch:
    """Callback of an inversion that notes when the images' mean objective is low enough.

    It waits for the device in every step, which is part of the time that is measured.
    """

    def __init__(self, target: float):
        self.target, self.reached = target, math.nan
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
            self.reached = self.passed(total.device)


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


def _by_preset(
    setting: Setting | FaceSetting, preset: str, callback: StepCallback
) -> tuple[Tensor, Tensor]:
    weights = setting.weights
    inverter = RegularizedInverter(
        setting.generator,
        setting.encoder,
        setting.statistics,
        losses=dict(
            pixel=dict(type='PixelMSELoss', loss_weight=weights['pixel']),
            perceptual=setting.perceptual,
            base=dict(type='BaseCodeDistance', loss_weight=weights['base']),
            detail=dict(type='PNormLoss', loss_weight=weights['detail']),
        ),
        **PRESETS[preset],
    )
    code = inverter.invert(setting.images, callback).code
    return code.base, code.detail
