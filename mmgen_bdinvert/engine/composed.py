# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What a composed config leaves over and leaves out."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.config.config import DELETE_KEY
from mmgen.registry import MODELS, MODULES

from ..models.inverters.regularized import paper_losses
from .mmagic import to_mmgen

__all__ = ['complete_config', 'kind_of', 'noted_deletions']

_PATCHED = threading.RLock()


@contextlib.contextmanager
def noted_deletions() -> Iterator[None]:
    """Let mmengine leave every ``_delete_`` in what it merges, for :func:`complete_config`.

    By itself it leaves only those in whose key the base lacks.
    """
    with _PATCHED:
        merge = Config._merge_a_into_b

        def noting(a: dict, b: Any, allow_list_keys: bool = False) -> Any:
            names = [k for k, v in a.items() if isinstance(v, dict) and v.get(DELETE_KEY)]
            merged = merge(a, b, allow_list_keys)
            for name in names if isinstance(merged, dict) else ():
                merged[name][DELETE_KEY] = True
            return merged

        Config._merge_a_into_b = staticmethod(noting)
        try:
            yield
        finally:
            Config._merge_a_into_b = staticmethod(merge)


def complete_config(cfg: Config) -> None:
    """Give the model of a config the settings that it leaves out, and strip every ``_delete_``.

    Absent losses, optimiser and number of steps are those of the model's class. Losses are merged
    by name, unless ``_delete_`` says that there are to be no others; None leaves one out. The
    config, which was merged under :func:`noted_deletions`, is changed in place.

    Raises:
        ValueError: A generator, in mmagic's words, takes labels.
    """
    if isinstance(cfg.get('model'), dict):
        to_mmgen(cfg.model)
        _fill(cfg.model)
    _strip(cfg._cfg_dict)


def kind_of(model: ConfigDict) -> Any:
    """Return the class of a model's config; None if it is not registered."""
    kind = model.get('type')
    return MODELS.get(kind) if isinstance(kind, str) else kind


def _strip(value: Any) -> None:
    if isinstance(value, dict):
        value.pop(DELETE_KEY, None)
        value = value.values()
    for item in value:
        if isinstance(item, (dict, list, tuple)):
            _strip(item)


def _fill(model: ConfigDict) -> None:
    pivot = model.get('pivot')
    if isinstance(pivot, dict):
        _fill(pivot)
    kind = kind_of(model)
    if not hasattr(kind, 'config_defaults'):
        return
    defaults = kind.config_defaults()
    losses, given = defaults.pop('losses'), model.get('losses')
    for name, default in defaults.items():
        model[name] = _merged(default, model.get(name))
    if given is None:
        model.losses = ConfigDict(losses) or None
    elif isinstance(given, dict):
        if isinstance(pivot, dict):
            own = pivot.get('losses') or {}
            losses = {k: v for k, v in own.items() if v and _compares_images(v)}
        known = {**paper_losses(), **losses}
        alone = given.pop(DELETE_KEY, False)
        named = {k: v if v is None else _merged(known.get(k), v) for k, v in given.items()}
        others = {k: None if alone else v for k, v in losses.items() if k not in named}
        model.losses = ConfigDict({**named, **others})


def _merged(default: Any, given: Any) -> Any:
    """Return a setting, or its default; a part has what it leaves out from one of its type."""
    if isinstance(default, dict) and isinstance(given, dict):
        if given.get('type', default['type']) == default['type']:
            return ConfigDict({**default, **given})
    return default if given is None else given


def _compares_images(loss: dict) -> bool:
    return getattr(MODULES.get(loss['type']), 'compares', None) == 'image'
