# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What a config inherits from the training of a GAN, in mmgen or mmagic, and has no use for."""

from __future__ import annotations

import difflib
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import Registry
from mmgen import registry

from .composed import kind_of

__all__ = ['drop_host', 'drop_visualizer']

_ALIKE = 0.9  # of the name of a part that is known, from where on a name is a misspelt one
_SPLITS = (
    ('train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler'),
    ('val_dataloader', 'val_cfg', 'val_evaluator'),
    ('test_dataloader', 'test_cfg', 'test_evaluator'),
)
_TYPED = dict(
    train_cfg=registry.LOOPS,
    val_cfg=registry.LOOPS,
    test_cfg=registry.LOOPS,
    log_processor=registry.LOG_PROCESSORS,
)


def drop_host(cfg: Config) -> None:
    """Leave out what only the training of a GAN needs, from the config of a model of this package.

    Data sets, loops, hooks and visualisers of mmgen and mmagic know nothing of codes, and those of
    mmagic cannot be built at all. What is left out is named in the log. The config is changed in
    place; that of another model stays as it is.
    """
    if not hasattr(kind_of(cfg.model), 'config_defaults'):
        return
    cfg.default_scope = 'mmgen'
    before = {name: cfg.get(name) for name in cfg}
    for loader, *others in _SPLITS:
        if cfg.get(loader) is None or _reads_hosts(cfg[loader]):
            cfg.update(dict.fromkeys((loader, *others)))
    _drop_optimisers(cfg)
    for name, kinds in _TYPED.items():
        if _is_hosts(kinds, cfg.get(name)):
            cfg[name] = {k: v for k, v in cfg[name].items() if k != 'type'}
    hooks = [hook for hook in cfg.get('custom_hooks') or () if not _is_hosts(registry.HOOKS, hook)]
    cfg.custom_hooks = hooks or None
    for name, hook in list((cfg.get('default_hooks') or {}).items()):
        if _is_hosts(registry.HOOKS, hook):
            del cfg.default_hooks[name]
    checkpoints = (cfg.get('default_hooks') or {}).get('checkpoint')
    if isinstance(checkpoints, dict) and cfg.get('val_evaluator') is None:
        for name in ('save_best', 'rule'):  # of a metric that nothing measures
            checkpoints.pop(name, None)
    if (cfg.get('model_wrapper_cfg') or {}).get('type') == 'MMSeparateDistributedDataParallel':
        cfg.model_wrapper_cfg = None
    drop_visualizer(cfg)
    dropped = [name for name, value in before.items() if value is not None and cfg[name] is None]
    if dropped:
        print_log(f'Not used, as a GAN is trained with it: {", ".join(dropped)}.', 'current')


def drop_visualizer(cfg: Config) -> None:
    """Leave out a visualiser of mmgen or mmagic, or one with their backends."""
    given = cfg.get('visualizer') or {}
    backends = given.get('vis_backends') or ()
    if _is_hosts(registry.VISUALIZERS, given) or any(
        _is_hosts(registry.VISBACKENDS, backend) for backend in backends
    ):
        cfg.visualizer = None


def _reads_hosts(loader: Any) -> bool:
    """Whether a loader reads a data set of others, or one around it."""
    while isinstance(loader, dict):
        loader = loader.get('dataset')
        if _is_hosts(registry.DATASETS, loader):
            return True
    return False


def _drop_optimisers(cfg: Config) -> None:
    """Leave out the optimisers of generator and discriminator, beside which may be one of ours."""
    wrapper = cfg.get('optim_wrapper')
    if isinstance(wrapper, dict) and _is_hosts(
        registry.OPTIM_WRAPPER_CONSTRUCTORS, dict(type=wrapper.get('constructor'))
    ):
        for name in ('constructor', 'generator', 'discriminator'):
            wrapper.pop(name, None)
    if isinstance(cfg.get('param_scheduler'), dict) and 'type' not in cfg.param_scheduler:
        cfg.param_scheduler = None


def _is_hosts(kinds: Registry, part: Any) -> bool:
    """Whether a part is one of mmgen, or of no package that is here and no slip of the pen."""
    kind = part.get('type') if isinstance(part, dict) else None
    if not isinstance(kind, str):
        return getattr(kind, '__module__', '').startswith('mmgen.')
    found = kinds.get(kind)
    if found is not None:
        return found.__module__.startswith('mmgen.')
    known: list[str] = []
    group: Registry | None = kinds
    while group is not None:
        known += [k for k, v in group.module_dict.items() if not v.__module__.startswith('mmgen.')]
        group = group.parent
    return not difflib.get_close_matches(kind, known, n=1, cutoff=_ALIKE)
