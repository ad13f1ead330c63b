# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Modules that a registry of mmgen imports when it is asked for a class.

Cause: mmgen's registries name no modules, so mmengine imports all of mmgen for the first class,
with data sets, metrics and ``scipy.signal``; and users would have to import all of this package
for its classes to be known.
May be deleted: when mmgen gives its registries locations, and other packages can add to them.
"""

from __future__ import annotations

_MODELS = (
    'mmengine.model',
    'mmgen.models',
    'mmgen_bdinvert.models',
    'mmgen_bdinvert.editing',
    'mmgen_bdinvert.geometry',
)
_OPTIMISATION = ('mmengine.optim', 'mmgen.engine')
_RUNNING = ('mmengine.runner', 'mmengine.hooks', 'mmgen.engine', 'mmgen_bdinvert.engine')
_VISUALIZATION = ('mmengine.visualization', 'mmgen.visualization')
_LOCATIONS = {
    'MODELS': _MODELS,
    'MODULES': _MODELS,
    'DATASETS': ('mmengine.dataset', 'mmgen.datasets', 'mmgen_bdinvert.datasets'),
    'TRANSFORMS': ('mmgen.datasets',),
    'METRICS': ('mmengine.evaluator', 'mmgen.evaluation', 'mmgen_bdinvert.evaluation'),
    'EVALUATORS': ('mmengine.evaluator', 'mmgen.evaluation'),
    'OPTIMIZERS': ('mmengine.optim', 'mmgen_bdinvert.models'),
    'OPTIM_WRAPPERS': ('mmengine.optim', 'mmgen_bdinvert.compat.cpu_amp'),
    'OPTIM_WRAPPER_CONSTRUCTORS': _OPTIMISATION,
    'PARAM_SCHEDULERS': _OPTIMISATION,
    'HOOKS': _RUNNING,
    'LOOPS': _RUNNING,
    'LOG_PROCESSORS': _RUNNING,
    'RUNNERS': _RUNNING,
    'VISUALIZERS': _VISUALIZATION,
    'VISBACKENDS': _VISUALIZATION,
}


def install() -> None:
    """Give the registries their locations."""
    from mmgen import registry  # importable only once mmcv.ops is there

    for name, modules in _LOCATIONS.items():
        found = getattr(registry, name)
        found._locations, found._imported = list(modules), False
