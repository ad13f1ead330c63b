# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Misspelt settings of a model, found before anything is built."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Any

from mmgen.registry import MODELS, MODULES

from ..utils.parameters import class_parameters

__all__ = ['check_settings', 'meant']

_PACKAGE = __name__.partition('.')[0]


def meant(name: str, known: Collection[str]) -> str:
    """Say which name was meant, if one is alike, and else which are known."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f'did you mean {close[0]}?' if close else f'known are {", ".join(known)}.'


def check_settings(value: Any, name: str, built: bool = False) -> None:
    """Refuse settings that a class of this package, or a part that it has ``built``, does not take.

    Raises:
        ValueError: A setting is unknown, or a loss has no type; the message names what is known.
    """
    if isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            check_settings(item, f'{name}.{i}', built)
    if not isinstance(value, dict):
        return
    kind = _class_of(value.get('type'))
    ours = kind is not None and kind.__module__.startswith(f'{_PACKAGE}.')
    if kind is not None and (ours or built):
        known, complete = class_parameters(kind)
        for key in value:
            if complete and key not in known and key not in ('type', '_scope_'):
                raise ValueError(
                    f'{name} has an unknown setting {key}, which no {kind.__name__} takes: '
                    f'{meant(key, known)}'
                )
    for key, item in value.items():
        if ours and key == 'losses' and isinstance(item, dict):
            _check_types(item, f'{name}.{key}')
        check_settings(item, f'{name}.{key}', ours or (built and kind is None))


def _check_types(losses: dict, name: str) -> None:
    typed = [key for key, loss in losses.items() if not isinstance(loss, dict) or 'type' in loss]
    for key in losses.keys() - typed:
        raise ValueError(f'{name}.{key} has no type, so it is a new loss: {meant(key, typed)}')


def _class_of(kind: Any) -> type | None:
    if isinstance(kind, str):
        kind = MODELS.get(kind) or MODULES.get(kind)
    return kind if isinstance(kind, type) else None
