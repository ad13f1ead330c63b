# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The settings that results were made with: data, of which nothing is run."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mmgen.registry
from mmengine.config import Config
from mmengine.registry import Registry

from ..jobs.folder import SETTINGS_FILE
from ..jobs.results import CONFIG_FILE

__all__ = ['recorded_config']

_MAX_BYTES = 2**24


def recorded_config(codes: Iterable[str | os.PathLike]) -> Config:
    """Read the model that an inversion or an edit recorded beside its codes, in ``settings.json``.

    A ``config.py`` beside it is a program, and is left alone. Of the settings, every ``type`` must
    be the name of something that is registered: mmengine would also take ``'os.system'``.

    Args:
        codes (Iterable[str | os.PathLike]): Code files.

    Returns:
        Config: The config; it has a model.

    Raises:
        FileNotFoundError: Nothing is recorded beside a code.
        ValueError: What is recorded cannot be taken, or codes come with different settings.
    """
    found: dict[str, Path] = {}
    for code in map(Path, codes):
        folders = (code.resolve().parent, code.resolve().parent.parent)
        path = next((f / SETTINGS_FILE for f in folders if (f / SETTINGS_FILE).is_file()), None)
        if path is None:
            config = next((f / CONFIG_FILE for f in folders if (f / CONFIG_FILE).is_file()), None)
            beside = (
                '' if config is None else f'; {str(config)!r} is a program, and not run unasked'
            )
            raise FileNotFoundError(
                f'There is no {SETTINGS_FILE} beside the code {str(code)!r}{beside}: name the '
                f'config that it was inverted with (--config).'
            )
        if path not in found.values():
            found.setdefault(json.dumps(_recorded_model(path), sort_keys=True), path)
    if len(found) != 1:
        raise ValueError(
            f'Codes of one config are edited at a time, but got codes of '
            f'{" and ".join(repr(str(p)) for p in found.values())}.'
        )
    return Config(dict(model=json.loads(next(iter(found)))))


def _recorded_model(path: Path) -> dict[str, Any]:
    try:
        with open(path, 'rb') as file:
            model = json.loads(file.read(_MAX_BYTES))['model']
        if not isinstance(model, dict):
            raise TypeError('there is none')
        _check(model)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = ' '.join(str(error).split()) or type(error).__name__
        raise ValueError(
            f'The model in {str(path)!r} cannot be taken ({reason}): name the config that the '
            f'codes were inverted with (--config).'
        ) from error
    return model


def _check(value: Any) -> None:
    """Refuse what would make mmengine import, or unpickle, something that the file names."""
    if isinstance(value, list):
        for item in value:
            _check(item)
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        if key == 'type' and item not in _registered():
            raise ValueError(f'the type {item!r} is not registered')
        if key == '_scope_' or (key == 'pretrained' and isinstance(item, dict)):
            raise ValueError(f'the key {key!r} is not taken from a file')
        _check(item)


@functools.lru_cache(maxsize=1)
def _imported() -> tuple[Registry, ...]:
    found: list[Registry] = []
    for registry in vars(mmgen.registry).values():
        while isinstance(registry, Registry) and registry not in found:
            registry.import_from_location()  # modules of mmengine and mmgen
            found.append(registry)
            registry = registry.parent
    return tuple(found)


def _registered() -> set[str]:
    return {name for registry in _imported() for name in registry.module_dict}
