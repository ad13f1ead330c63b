# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Configs by path, by object, or by the name of one that travels with the package."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from typing import Any, Union

from mmengine.config import Config

from bdinvert_cli.configs import config_folder, find_config, shipped_configs
from bdinvert_cli.sentences import one_sentence

from ..engine.composed import complete_config, noted_deletions
from ..engine.config import check_config, read_config
from ..engine.host import drop_visualizer
from ..models.inverters.presets import PRESETS

__all__ = ['ConfigLike', 'config_folder', 'find_config', 'load_config', 'shipped_configs']

ConfigLike = Union[str, os.PathLike, Config]


def load_config(
    config: ConfigLike, cfg_options: Mapping[str, Any] | None = None, preset: str | None = None
) -> Config:
    """Load a config whose ``model`` is to be built.

    Args:
        config (str | os.PathLike | Config): As for :func:`find_config`, or a config, which is
            copied.
        cfg_options (Mapping[str, Any] | None): Settings to override by dotted key, all of them
            under ``model``: nothing else is read. Defaults to None.
        preset (str | None): One of ``PRESETS``: optimiser, steps and precision of a
            RegularizedInverter, which ``cfg_options`` may override. Defaults to None: those of the
            config.

    Returns:
        Config: The config.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It cannot be read, has no model, or an option or the preset does not fit.
    """
    options = dict(cfg_options or {})
    for key in options:
        if key.partition('.')[0] != 'model':
            raise ValueError(
                f'Only settings of the model can be overridden here, as model.<name>=<value>, '
                f'but got {key!r}.'
            )
    if preset is not None:
        if preset not in PRESETS:
            raise ValueError(f'preset is one of {", ".join(PRESETS)}, but got {preset!r}.')
        config = _merged(config, {})
        kind = config.model.get('type')
        if kind != 'RegularizedInverter':
            raise ValueError(f'A preset is for a RegularizedInverter, but the config has a {kind}.')
        if PRESETS[preset]['detail_space'] == 'pnorm' and config.model.get('statistics') is None:
            raise ValueError(
                f'The preset {preset!r} needs the latent statistics of the generator, but the '
                f'config has none: make them with tools/latent_stats.py and set model.statistics.'
            )
        for name, value in PRESETS[preset].items():  # update() would keep the config's own lr
            config.model[name] = copy.deepcopy(value)
    return _merged(config, options)


def _merged(config: ConfigLike, options: dict[str, Any]) -> Config:
    if not isinstance(config, Config):
        cfg = read_config(find_config(config), options)
        drop_visualizer(cfg)
        return cfg
    check_config(config)
    cfg = copy.deepcopy(config)
    try:
        with noted_deletions():
            cfg.merge_from_dict(options)
    except Exception as e:  # mmengine asserts here, and descends into what is no dict
        raise ValueError(f'The options do not fit the config ({one_sentence(e)}).') from e
    complete_config(cfg)
    check_config(cfg)
    return cfg
