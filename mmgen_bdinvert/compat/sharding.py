# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Classes that shard models over many GPUs, imported when they are used.

Cause: three classes of mmengine derive from, or name, classes of ``torch.distributed.fsdp`` and
``torch.distributed.optim``, and are imported with the rest of it; what they need (symbolic shapes,
sympy, functional optimisers) takes half as long to import as torch itself.
May be deleted: when mmengine imports them late by itself.
"""

from __future__ import annotations

import functools
import importlib
import sys
import types
from types import ModuleType
from typing import Any

_CLASSES = {  # a module, its class, and the registry that knows it
    'mmengine.optim.optimizer.zero_optimizer': ('ZeroRedundancyOptimizer', 'OPTIMIZERS'),
    'mmengine.model.wrappers.fully_sharded_distributed': (
        'MMFullyShardedDataParallel',
        'MODEL_WRAPPERS',
    ),
    'mmengine._strategy.fsdp': ('FSDPStrategy', 'STRATEGIES'),
}


class _Late(type):
    """Type of placeholders, which import the real class when they are called or derived from."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:
        if not bases:
            return super().__new__(cls, name, bases, namespace)
        found = tuple(_real(base) if isinstance(base, _Late) else base for base in bases)
        return types.new_class(name, found, exec_body=lambda body: body.update(namespace))

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return _real(cls)(*args, **kwargs)

    def __getattr__(cls, name: str) -> Any:
        return getattr(_real(cls), name)

    def __instancecheck__(cls, instance: object) -> bool:
        return _is_imported(cls) and isinstance(instance, _real(cls))

    def __subclasscheck__(cls, subclass: type) -> bool:
        return _is_imported(cls) and issubclass(subclass, _real(cls))


def _is_imported(stand_in: _Late) -> bool:
    return hasattr(sys.modules.get(stand_in.__module__), '__file__')


@functools.cache
def _real(stand_in: _Late) -> type:
    module, name = stand_in.__module__, stand_in.__name__
    if not _is_imported(stand_in):
        del _registry(module).module_dict[name]  # the class registers itself
        del sys.modules[module]
    return getattr(importlib.import_module(module), name)


def _registry(module: str) -> Any:
    from mmengine import registry  # not at the top: versions.check comes first

    return getattr(registry, _CLASSES[module][1])


def install() -> None:
    """Put placeholders in the place of what is not imported yet."""
    for module, (name, _) in _CLASSES.items():
        if module in sys.modules:
            continue
        stand_in = _Late(name, (), {'__module__': module})
        sys.modules[module] = ModuleType(module)
        setattr(sys.modules[module], name, stand_in)
        _registry(module).register_module(module=stand_in)
