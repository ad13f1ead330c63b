# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""How soon the presets reach the objective of the paper's schedule, driven plainly."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor

from ...models import RegularizedInverter
from ...models.presets import PRESETS
from .faces import FaceSetting
from .measure import Row
from .plain import PlainInversion
from .setting import Setting

__all__ = ['SHORTER', 'measure_objective']

SHORTER = {  # the presets that are measured
    'fast': dict(preset='fast'),
    'fast fp32': dict(preset='fast', amp=False),
    'draft': dict(preset='draft'),
}


def measure_objective(
    setting: Setting | FaceSetting, steps: int = 1200, batch: int = 1, sample: int | None = None
) -> Row:
    """Invert pictures plainly, with the paper's schedule, and with the shorter presets.

    The sides take turns, batch by batch. Time is that of the whole inversion, from the encoder's
    guess on.

    Args:
        setting (Setting | FaceSetting): All pictures, and what inverts them.
        steps (int): Steps of the plain side. Defaults to 1200.
        batch (int): Pictures at a time, on every side. Defaults to 1.
        sample (int | None): Do only so many of the plain side's steps, and take its time for
            ``steps`` from them; its figures are then NaN. Defaults to None: all of them.

    Returns:
        Row: Seconds of all pictures, and the means of objective, perceptual distance and
        ``mean(v²)`` in ``figures``.
    """
    seconds = dict.fromkeys(('plain', *SHORTER), 0.0)
    found: dict[str, list[dict[str, Tensor]]] = {side: [] for side in seconds}
    count = steps if sample is None else sample
    for start in range(0, setting.batch, batch):
        part = setting.part(start, start + batch)
        judge = PlainInversion(part)
        runs: dict[str, Callable] = {'plain': lambda part=part: _plainly(part, count)}
        for name, choice in SHORTER.items():
            runs[name] = lambda part=part, choice=choice: _by_preset(part, **choice)
        for side, run in runs.items():
            began = time.perf_counter()
            codes = run()
            if setting.device.type == 'cuda':
                torch.cuda.synchronize()
            seconds[side] += time.perf_counter() - began
            with torch.no_grad():
                terms = judge.terms(*codes)
            terms['objective'] = judge.total(terms)
            if side == 'plain' and sample is not None:
                terms = {name: torch.full_like(value, torch.nan) for name, value in terms.items()}
            found[side].append(terms)
    if sample is not None:
        seconds['plain'] *= steps / sample
    figures = {
        title: {side: float(torch.cat([t[key] for t in found[side]]).mean()) for side in seconds}
        for title, key in (
            ('objective', 'objective'),
            ('perceptual distance', 'perceptual'),
            ('mean v²', 'detail'),
        )
    }
    return Row('objective', setting.size, batch, seconds, figures=figures)


def _plainly(setting: Setting | FaceSetting, steps: int) -> tuple[Tensor, Tensor]:
    inversion = PlainInversion(setting)
    for _ in range(steps):
        inversion.step()
    return inversion.base.detach(), inversion.detail.detach()


def _by_preset(setting: Setting | FaceSetting, preset: str, **choices) -> tuple[Tensor, Tensor]:
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
        **{**PRESETS[preset], **choices},
    )
    code = inverter.invert(setting.images).code
    return code.base, code.detail
