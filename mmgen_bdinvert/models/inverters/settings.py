# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The settings that every inverter has."""

from __future__ import annotations

from typing import Any, TypedDict

from torch import nn

__all__ = ['InverterSettings']


class InverterSettings(TypedDict, total=False):
    """Settings that every inverter hands on to :class:`OptimizationInverter`."""

    statistics: dict[str, Any] | nn.Module | None
    optimizer: dict[str, Any] | None
    num_steps: int
    data_preprocessor: dict[str, Any] | None
    keep_best: bool
    amp: bool | str
