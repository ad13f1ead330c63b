# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""torch's compiler, imported only by what compiles.

Cause: ``import torch._dynamo`` takes half as long as torch itself. ``torchvision.ops.roi_align``
imports it for a function that it may never call, and every optimiser of torch to exclude methods
from compilation.
May be deleted: when torchvision and torch import the compiler late by themselves.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

import torch

_COMPILER = 'torch._dynamo'
_ROI_ALIGN = 'torchvision.ops.roi_align'


def _is_compile_supported(device_type: str) -> bool:
    return importlib.import_module(f'{_COMPILER}.utils').is_compile_supported(device_type)


class _RoiAlignLoader(SourceFileLoader):
    """Executes the file with a function that imports the compiler when it is called."""

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
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]


class _RoiAlignFinder(MetaPathFinder):
    def find_spec(self, fullname, path=None, target=None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target) if fullname == _ROI_ALIGN else None
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _RoiAlignLoader(spec.loader.name, spec.loader.path)
        return spec


def _late(wrapper: Callable) -> Callable:
    """Return what an optimiser's method calls instead of the compiler until that is imported."""
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
    """Avoid needless imports of the compiler from now on, unless it is imported already."""
    if _COMPILER in sys.modules:
        return
    sys.meta_path.insert(0, _RoiAlignFinder())
    for wrapper in (torch.optim.Optimizer.add_param_group, torch.optim.Optimizer.zero_grad):
        if hasattr(wrapper, '__wrapped__'):
            wrapper.__wrapped__.__dynamo_disable = _late(wrapper)


def plain_step(optimizer: torch.optim.Optimizer) -> Callable[[], Any]:
    """Return the step of an optimiser; for torch's own, without hooks and calls of the compiler.

    It is to be called without gradients.
    """
    kind = type(optimizer)
    if not kind.__module__.startswith('torch.optim.'):
        return optimizer.step
    return functools.partial(inspect.unwrap(kind.step), optimizer)
