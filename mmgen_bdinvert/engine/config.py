# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Configs from files and the command line, with errors that name what is wrong."""

from __future__ import annotations

import contextlib
import difflib
import inspect
import math
import os
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict, DictAction
from mmengine.runner import Runner

from ..models.checkpoint import local_checkpoint
from ..models.losses.perceptual import BackboneError, LPIPSLoss, backbone_file
from .composed import complete_config, noted_deletions
from .settings import check_settings

__all__ = [
    'RUNNER_KEYS',
    'check_config',
    'download_weights',
    'is_config',
    'named_backbones',
    'pivot_of',
    'read_config',
    'read_settings',
]

_CHECKOUT = Path(__file__).resolve().parents[2]
_SIMILARITY = 0.8  # of two names, from which one counts as a misspelling of the other

_IN_PLACE = (
    "describe the generator in place, generator=dict(type='StyleGANv2Generator', out_size=1024, "
    'style_channels=512)'
)

# The settings that mmengine's Runner takes from a config, as arguments or from `self.cfg`.
RUNNER_KEYS = frozenset(inspect.signature(Runner.__init__).parameters) - {'self', 'cfg'} | {
    'compile',
    'custom_imports',
    'find_unused_parameters',
    'model_wrapper_cfg',
    'runner_type',
    'sync_bn',
}


def read_config(
    path: str | Path, options: dict | None = None, known: Collection[str] = ()
) -> Config:
    """Read a config file and override settings.

    Args:
        path (str | Path): A config file of mmengine.
        options (dict | None): Values by dotted key, from :func:`read_settings`. Defaults to None.
        known (Collection[str]): Options may begin with these too, even if the config has none of
            them. Defaults to ().

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It cannot be read, an option is unknown, or :func:`check_config` refuses it.
    """
    if (_CHECKOUT / 'projects').is_dir() and str(_CHECKOUT) not in sys.path:
        sys.path.append(str(_CHECKOUT))  # `custom_imports` of the configs of projects/
    if not Path(path).is_file():
        raise FileNotFoundError(f'There is no config file {path}: check the path.')
    try:
        with noted_deletions():
            cfg = Config.fromfile(path)
    except Exception as e:  # a config is a program: anything may go wrong in it
        if 'lazy_import' in str(e):
            raise ValueError(
                f"{path} is in mmengine's old style (_base_), and a config that it builds on in "
                f'the new one (read_base): {_IN_PLACE}.'
            ) from e
        reason = f'{type(e).__name__}: {" ".join(str(e).split())}'
        raise ValueError(f'{path} cannot be read as a config ({reason}).') from e
    for key in options or {}:
        first = key.partition('.')[0]
        if first not in (*RUNNER_KEYS, *known, *cfg):
            close = difflib.get_close_matches(first, [*cfg, *RUNNER_KEYS], n=1)
            advice = f'did you mean {close[0]}?' if close else f'{path} sets {", ".join(cfg)}.'
            raise ValueError(
                f'The option {key} is unknown, neither {path} nor the Runner has a setting '
                f'{first}: {advice}'
            )
    try:
        with noted_deletions():
            cfg.merge_from_dict(options or {})
    except Exception as e:  # mmengine asserts here, and expects dicts where there are none
        reason = f'{type(e).__name__}: {" ".join(str(e).split())}'
        raise ValueError(f'The options do not fit {path} ({reason}).') from e
    try:
        complete_config(cfg)
    except ImportError as e:  # in the new style, which imports classes
        raise ValueError(f'{path} names a class that is not here ({e}): {_IN_PLACE}.') from e
    check_config(cfg, path)
    return cfg


def check_config(cfg: Config, source: object = 'The config') -> None:
    """Check that a config has a model, that its numbers are finite, and that no name is misspelt.

    Messages call it ``source``.
    """
    unknown = [name for name in cfg if name not in RUNNER_KEYS]
    for name in unknown:
        meant = difflib.get_close_matches(name, RUNNER_KEYS, n=1, cutoff=_SIMILARITY)
        if meant and isinstance(cfg[name], (dict, list)):
            raise ValueError(f'{source} sets {name}, which nothing reads: did you mean {meant[0]}?')
    model = cfg.get('model')
    if not isinstance(model, dict):
        found = 'has no model' if model is None else f'has a model that is no dict but {model!r}'
        others = f'; it sets {", ".join(unknown[:5])}, which nothing reads' if unknown else ''
        raise ValueError(f'{source} {found}: give a config with model = dict(type=…){others}.')
    for name, value in _walk(cfg._cfg_dict.to_dict()):
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f'{source} must have finite numbers, but {name} is {value}.')
    check_settings(model, 'model')


def pivot_of(model: ConfigDict) -> ConfigDict:
    """Return the config with generator and encoder: of pivotal tuning, that of its pivot."""
    while isinstance(model.get('pivot'), dict):
        model = model['pivot']
    return model


def _walk(value: Any, name: str = '') -> Iterator[tuple[str, Any]]:
    """Yield a value and all that nested dicts and lists in it hold, with their dotted names."""
    yield name, value
    items: Iterable[tuple[object, object]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    for key, item in items:
        yield from _walk(item, f'{name}.{key}' if name else str(key))


@contextlib.contextmanager
def named_backbones(cfg: Config, *sections: str) -> Iterator[None]:
    """Let the sentence about a perceptual network that is not there name the settings that lack it.

    ``sections`` are the keys of the config of which something is built.
    """
    try:
        yield
    except BackboneError as error:
        parts = [item for key in sections for item in _walk(cfg.get(key), key)]
        lacking = dict.fromkeys(name for name, part in parts if _lacks_backbone(part))
        if not lacking:
            raise
        options = ' '.join(f'{name}.backbone=PATH' for name in lacking)
        raise FileNotFoundError(f'{error}: --cfg-options {options}') from error


def download_weights(cfg: Config, *sections: str) -> None:
    """Download what sections of a config name by an address, before anything is built or printed.

    Raises:
        FileNotFoundError: Something cannot be downloaded; the message says what to do.
    """
    parts = [item for key in sections for item in _walk(cfg.get(key), key)]
    for name, part in parts:
        source = part.get('checkpoint') if isinstance(part, dict) else None
        if isinstance(source, str) and re.match('https?://', source):
            local_checkpoint(source, name.rpartition('.')[2])
    for _, part in parts:
        if _lacks_backbone(part):
            backbone_file(part.get('net', 'vgg'))


def _lacks_backbone(part: Any) -> bool:
    """Whether a part of a config is a perceptual loss that names no file of its network."""
    kind = part.get('type') if isinstance(part, dict) else None
    return kind in ('LPIPSLoss', LPIPSLoss) and part.get('backbone') is None


def is_config(path: str | os.PathLike, cfg: Config) -> bool:
    """Whether a config was read from this file."""
    try:
        return os.path.samefile(path, cfg.filename)
    except (OSError, TypeError):  # TypeError: it was not read from a file
        return False


def read_settings(texts: Mapping[str, str] | None) -> dict[str, Any]:
    """Read the values of ``--cfg-options`` as mmengine does: numbers, lists, tuples, strings.

    Args:
        texts (Mapping[str, str] | None): Text by dotted key.

    Returns:
        dict[str, Any]: Value by dotted key.

    Raises:
        ValueError: Brackets do not match.
    """
    found = {}
    for key, text in (texts or {}).items():
        try:
            found[key] = DictAction._parse_iterable(text)
        except AssertionError as error:
            raise ValueError(f'--cfg-options cannot read {key}={text!r} ({error}).') from error
    return found
