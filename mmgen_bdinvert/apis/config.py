# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Configs by path, by object, by the name of a shipped one, or as recorded beside results."""

from __future__ import annotations

import copy
import functools
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Union

import mmgen.registry
from mmengine.config import Config
from mmengine.registry import Registry

from bdinvert_cli.configs import config_folder, find_config, shipped_configs
from bdinvert_cli.sentences import one_sentence, reason_of

from ..engine.composed import complete_config, noted_deletions
from ..engine.config import check_config, read_config
from ..engine.host import drop_visualizer
from ..jobs.folder import SETTINGS_FILE
from ..jobs.results import CONFIG_FILE
from ..models.inverters.presets import NEED_DETAIL_ENCODER, PRESETS, preset_settings

__all__ = [
    'ConfigLike',
    'config_folder',
    'find_config',
    'load_config',
    'recorded_config',
    'shipped_configs',
]

ConfigLike = Union[str, os.PathLike, Config]
_MAX_BYTES = 2**24


def load_config(
    config: ConfigLike,
    cfg_options: Mapping[str, Any] | None = None,
    preset: str | None = None,
    sections: Sequence[str] = ('model',),
) -> Config:
    """Load a config whose ``model`` is to be built.

    Args:
        config (str | os.PathLike | Config): As for :func:`find_config`, or a config, which is
            copied.
        cfg_options (Mapping[str, Any] | None): Settings to override by dotted key, all of them
            under ``sections``. Defaults to None.
        preset (str | None): One of ``PRESETS``: optimiser, steps and precision of a
            RegularizedInverter, which ``cfg_options`` may override. Defaults to None: those of the
            config.
        sections (Sequence[str]): What the caller reads of the config: ``'model'``, or
            ``'face_finder'`` too. Defaults to ('model',).

    Returns:
        Config: The config.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It cannot be read, has no model, or an option or the preset does not fit.
    """
    options = dict(cfg_options or {})
    for key in options:
        if key.partition('.')[0] not in sections:
            names = ' and '.join(sections)
            forms = ' or '.join(f'{name}.<name>=<value>' for name in sections)
            raise ValueError(
                f'Only settings of {names} can be overridden here, as {forms}, but got {key!r}.'
            )
    if preset is not None:
        if preset not in PRESETS:
            raise ValueError(f'preset is one of {", ".join(PRESETS)}, but got {preset!r}.')
        config = _merged(config, options, sections)
        kind = config.model.get('type')
        if kind != 'RegularizedInverter':
            raise ValueError(f'A preset is for a RegularizedInverter, but the config has a {kind}.')
        if PRESETS[preset]['detail_space'] == 'pnorm' and config.model.get('statistics') is None:
            raise ValueError(
                f'The preset {preset!r} needs the latent statistics of the generator, but the '
                f'config has none: make them with tools/latent_stats.py and set model.statistics.'
            )
        predicts = config.model.get('detail_encoder') is not None
        if preset in NEED_DETAIL_ENCODER and not predicts:
            raise ValueError(
                f'The preset {preset!r} needs a detail encoder, but the config has none: train one '
                f'with a bdinvert_enc_*_joint config and set model.detail_encoder.'
            )
        # Not update(), which would keep the config's own learning rate.
        for name, value in preset_settings(preset, predicts).items():
            if value is None:
                config.model.pop(name, None)
            else:
                config.model[name] = value
    return _merged(config, options, sections)


def _merged(config: ConfigLike, options: dict[str, Any], known: Sequence[str]) -> Config:
    if not isinstance(config, Config):
        cfg = read_config(find_config(config), options, known)
        drop_visualizer(cfg)
        return cfg
    check_config(config)
    cfg = copy.deepcopy(config)
    try:
        with noted_deletions():
            cfg.merge_from_dict(options)
    except Exception as e:  # mmengine asserts here, and expects dicts where there are none
        raise ValueError(f'The options do not fit the config ({one_sentence(e)}).') from e
    complete_config(cfg)
    check_config(cfg)
    return cfg


def recorded_config(codes: Iterable[str | os.PathLike]) -> Config:
    """Read the model that an inversion or an edit recorded beside its codes, in ``settings.json``.

    No code is run: a ``config.py`` beside it is ignored, and every ``type`` in the settings must be
    a registered name, since mmengine would also import ``'os.system'``.

    Args:
        codes (Iterable[str | os.PathLike]): Code files.

    Returns:
        Config: The config; it has a model.

    Raises:
        FileNotFoundError: Nothing is recorded beside a code.
        ValueError: The record cannot be used, or codes have different settings.
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
        _check_types(model)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(
            f'The model in {str(path)!r} cannot be used ({reason_of(error)}): name the '
            'config that the codes were inverted with (--config).'
        ) from error
    return model


def _check_types(value: Any) -> None:
    """Refuse what would make mmengine import or unpickle something that the file names."""
    if isinstance(value, list):
        for item in value:
            _check_types(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == 'type' and item not in _registered():
                raise ValueError(f'the type {item!r} is not registered')
            if key == '_scope_' or (key == 'pretrained' and isinstance(item, dict)):
                raise ValueError(f'the key {key!r} is not taken from a file')
            _check_types(item)


def _registered() -> set[str]:
    return {name for registry in _imported_registries() for name in registry.module_dict}


@functools.lru_cache(maxsize=1)
def _imported_registries() -> tuple[Registry, ...]:
    found: list[Registry] = []
    for registry in vars(mmgen.registry).values():
        while isinstance(registry, Registry) and registry not in found:
            registry.import_from_location()  # modules of mmengine and mmgen
            found.append(registry)
            registry = registry.parent
    return tuple(found)
