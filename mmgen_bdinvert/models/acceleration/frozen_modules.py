# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The mark and the weights of accelerated modules; it serves the other files and buys nothing."""

from __future__ import annotations

from mmgen.models.architectures.pggan.modules import EqualizedLR
from torch import Tensor, nn

from ..derived import Derived
from .switch import enabled

__all__ = [
    'Accelerated',
    'effective_weight',
    'restore_modules',
    'sources',
]


class Accelerated:
    """Marks classes whose objects were accelerated in place; the next class is what they were."""


def restore_modules(module: nn.Module) -> None:
    """Undo in place what accelerated a module, and the modules in it."""
    for child in module.modules():
        if isinstance(child, Accelerated):
            kinds: list[type] = [k for k in type(child).__mro__ if not issubclass(k, Accelerated)]
            child.__class__ = kinds[0]
            for name in [n for n, value in vars(child).items() if isinstance(value, Derived)]:
                delattr(child, name)


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
        list[Tensor] | None: The tensors; None if one of them asks for a gradient, a forward hook
        wants to see the modules at work, or acceleration is switched off.
    """
    if not enabled():
        return None
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
