# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Frozen modules: values computed once from their weights, and classes that use them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import torch
from mmgen.models.architectures.pggan.modules import EqualizedLR
from torch import Tensor, nn

__all__ = [
    'Derived',
    'Quickened',
    'effective_weight',
    'restore_modules',
    'sources',
]

T = TypeVar('T')


class Quickened:
    """Marks classes whose objects were made quicker in place; the next class is what they were."""


def restore_modules(module: nn.Module) -> None:
    """Undo in place what made a module, and the modules in it, quicker."""
    for child in module.modules():
        if isinstance(child, Quickened):
            kinds: list[type] = [k for k in type(child).__mro__ if not issubclass(k, Quickened)]
            child.__class__ = kinds[0]
            for name in [n for n, value in vars(child).items() if isinstance(value, Derived)]:
                delattr(child, name)


class Derived(Generic[T]):
    """A value derived from tensors, computed again when one of them was replaced or written to.

    PyTorch counts what is written to a tensor in place (``load_state_dict``, ``copy_``, an
    optimiser's step); what goes through ``tensor.data`` it does not see, and neither does this.

    Args:
        compute (Callable): Returns the value.
    """

    def __init__(self, compute: Callable[..., T]):
        self._compute = compute
        self._key: list | None = None
        self._kept: list[Tensor] = []
        self._values: dict[tuple, T] = {}  # by settings: a CUDA graph may hold on to each

    def __call__(self, tensors: Sequence[Tensor], *settings) -> T:
        """Return the value for tensors in their present state.

        Args:
            tensors (Sequence[Tensor]): What the value depends on.
            *settings: Passed to ``compute``; each combination has a value of its own.
        """
        key = [(t.data_ptr(), t._version, t.dtype, t.device) for t in tensors]
        if key != self._key:
            # Their memory is kept, so no other tensor can come to lie at the same address.
            self._kept = [t.detach() for t in tensors]
            self._key, self._values = key, {}
        if settings not in self._values:
            # For all uses to come: tensors of an inference mode could serve no backward pass.
            with torch.inference_mode(False), torch.no_grad():
                self._values[settings] = self._compute(*settings)
        return self._values[settings]


def effective_weight(module: nn.Module) -> Tensor:
    """Return the weight that a module of mmgen computes with: scaled, if it is equalised."""
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, EqualizedLR):
            return hook.compute_weight(module)
    return module.weight


def sources(*modules: nn.Module) -> list[Tensor] | None:
    """Return parameters and buffers of modules that may be replaced by a derived value.

    Args:
        *modules (nn.Module): Modules of mmgen.

    Returns:
        list[Tensor] | None: The tensors; None if one of them asks for a gradient, or a forward hook
        wants to see the modules at work.
    """
    found: list[Tensor] = []
    for module in modules:
        for child in module.modules():
            if child._forward_hooks or any(
                not isinstance(hook, EqualizedLR) for hook in child._forward_pre_hooks.values()
            ):
                return None
            found += [p for p in child._parameters.values() if p is not None]
            found += [b for b in child._buffers.values() if b is not None]
    return None if any(tensor.requires_grad for tensor in found) else found
