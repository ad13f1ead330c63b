# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Configs from files and the command line, with errors that name what is wrong."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

_CHECKOUT = Path(__file__).resolve().parents[2]

__all__ = ['RUNNER_KEYS', 'read_config']

# The settings that mmengine's Runner takes from a config, as arguments or from `self.cfg`.
RUNNER_KEYS = frozenset(inspect.signature(Runner.__init__).parameters) - {'self', 'cfg'} | {
    'compile',
    'custom_imports',
    'find_unused_parameters',
    'model_wrapper_cfg',
    'runner_type',
    'sync_bn',
}


def read_config(path: str | Path, options: dict | None = None) -> Config:
    """Read a config file and override settings.

    Args:
        path (str | Path): A config of mmengine's kind.
        options (dict | None): Values by dotted key, as ``--cfg-options`` gives them. Defaults to
            None.

    Returns:
        Config: The config; it has a model.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, has no model, or an option belongs to nothing.
    """
    if (_CHECKOUT / 'projects').is_dir() and str(_CHECKOUT) not in sys.path:
        sys.path.append(str(_CHECKOUT))  # `custom_imports` of the configs of projects/
    if not Path(path).is_file():
        raise FileNotFoundError(f'There is no config file {path}: check the path.')
    try:
        cfg = Config.fromfile(path)
    except Exception as e:  # a config is a program: anything may go wrong in it
        reason = f'{type(e).__name__}: {" ".join(str(e).split())}'
        raise ValueError(f'{path} cannot be read as a config ({reason}).') from e
    for key in options or {}:
        first = key.partition('.')[0]
        if first not in RUNNER_KEYS and first not in cfg:
            raise ValueError(
                f'The option {key} is unknown: neither {path} nor the Runner has a setting {first}.'
            )
    try:
        cfg.merge_from_dict(options or {})
    except Exception as e:  # mmengine asserts here, and descends into what is no dict
        reason = f'{type(e).__name__}: {" ".join(str(e).split())}'
        raise ValueError(f'The options do not fit {path} ({reason}).') from e
    if not isinstance(cfg.get('model'), dict):
        raise ValueError(f'{path} has no model: give a config with model = dict(type=…).')
    return cfg
