# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Settings of a regularised inversion: the paper's schedule, and faster ones."""

from __future__ import annotations

import copy
from typing import Any

__all__ = ['NEED_DETAIL_ENCODER', 'PRESETS', 'preset_settings']

_QUICK = dict(
    optimizer=dict(type='ImageLBFGS', history=50),
    keep_best=True,
    amp='gradients',
    detail_space='pnorm',
)

# Of a RegularizedInverter; None takes a setting away. docs/performance_details.md compares what
# they reach.
PRESETS: dict[str, dict[str, Any]] = {
    'paper': dict(
        optimizer=dict(type='Adam', lr=0.01),
        num_steps=1200,
        keep_best=False,
        amp=False,
        detail_space='w+',
        detail_encoder=None,
    ),
    'fast': dict(_QUICK, num_steps=210),
    'draft': dict(_QUICK, num_steps=30),
    'quick': dict(_QUICK, num_steps=20),
    'instant': dict(num_steps=0, keep_best=False, amp=False, detail_space='w+'),
}
NEED_DETAIL_ENCODER = ('quick', 'instant')
_FAST_FROM_A_PREDICTION = 105  # steps


def preset_settings(name: str, predicts: bool) -> dict[str, Any]:
    """Return the settings of a preset.

    Args:
        name (str): One of ``PRESETS``.
        predicts (bool): Whether there is a detail encoder: ``fast`` takes half the steps from its
            prediction.
    """
    settings = copy.deepcopy(PRESETS[name])
    if name == 'fast' and predicts:
        settings['num_steps'] = _FAST_FROM_A_PREDICTION
    return settings
