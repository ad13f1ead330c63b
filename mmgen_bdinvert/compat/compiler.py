# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""torch's compiler, imported where something is compiled.

Cause: ``import torch._dynamo`` takes half as long as torch itself, and is done for nothing by

* ``torchvision.ops.roi_align``, which takes a function from there that it may call one day;
* ``mmengine.optim``, which derives a class from one of ``torch.distributed.optim``;
* every optimiser of torch, which tells the compiler not to look into ``add_param_group`` and
  ``zero_grad``.

All of them get the real thing when they are used, or when the compiler is there anyway.
May be deleted: when torchvision, mmengine and torch import the compiler late by themselves.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

import torch

__all__ = ['install']

_COMPILER = 'torch._dynamo'
_ROI_ALIGN = 'torchvision.ops.roi_align'
_ZERO_OPTIMIZER = 'mmengine.optim.optimizer.zero_optimizer'


def _is_compile_supported(device_type: str) -> bool:
    return importlib.import_module(f'{_COMPILER}.utils').is_compile_supported(device_type)


class _RoiAlignLoader(SourceFileLoader):
    """Executes the file while the function that it takes is one that imports the compiler late."""

    def exec_module(self, module: ModuleType) -> None:
        name = f'{_COMPILER}.utils'
        if name in sys.modules:
            super().exec_module(module)
            return
        sys.modules[name] = stand_in = ModuleType(name)
        stand_in.is_compile_supported = _is_compile_supported
        try:
            super().exec_module(module)
        finally:
            if sys.modules[name] is stand_in:
                del sys.modules[name]


class _RoiAlignFinder(MetaPathFinder):
    def find_spec(self, fullname, path=None, target=None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target) if fullname == _ROI_ALIGN else None
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _RoiAlignLoader(spec.loader.name, spec.loader.path)
        return spec


class ZeroRedundancyOptimizer:
    """Builds mmengine's optimiser of that name."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Import it, and return an object of it."""
        return _zero_optimizer()(*args, **kwargs)


@functools.cache
def _zero_optimizer() -> type:
    from mmengine.registry import OPTIMIZERS

    del OPTIMIZERS.module_dict[ZeroRedundancyOptimizer.__name__]  # it registers itself
    sys.modules.pop(_ZERO_OPTIMIZER)
    return importlib.import_module(_ZERO_OPTIMIZER).ZeroRedundancyOptimizer


def _late(wrapper: Callable) -> Callable:
    """Return what a method of optimisers calls instead of the compiler, while that is not there."""
    function = wrapper.__wrapped__

    def call(*args: Any, **kwargs: Any) -> Any:
        if _COMPILER not in sys.modules:
            return function(*args, **kwargs)
        if function.__dynamo_disable is call:
            del function.__dynamo_disable  # torch's wrapper asks the compiler for its own
        return wrapper(*args, **kwargs)

    return call


@functools.cache
def install() -> None:
    """Keep the compiler from being imported from here on, unless it already is."""
    if _COMPILER in sys.modules:
        return
    if _ROI_ALIGN not in sys.modules:
        sys.meta_path.insert(0, _RoiAlignFinder())
    if 'mmengine.optim' not in sys.modules:
        from mmengine.registry import OPTIMIZERS

        module = ModuleType(_ZERO_OPTIMIZER)
        module.ZeroRedundancyOptimizer = ZeroRedundancyOptimizer
        sys.modules[_ZERO_OPTIMIZER] = module
        OPTIMIZERS.register_module(module=ZeroRedundancyOptimizer)
    for wrapper in (torch.optim.Optimizer.add_param_group, torch.optim.Optimizer.zero_grad):
        if hasattr(wrapper, '__wrapped__'):
            wrapper.__wrapped__.__dynamo_disable = _late(wrapper)
