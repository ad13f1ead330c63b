# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Helpers of the files beside it: the mark and the weights of accelerated modules."""

from __future__ import annotations

from collections.abc import Callable

from mmgen.models.architectures.pggan.modules import EqualizedLR
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..derived import Derived
from .switch import enabled

__all__ = ['Accelerated', 'effective_weight', 'frozen_tensors', 'restore_modules', 'run']


class Accelerated:
    """Marks classes whose objects were accelerated in place; the next class is the original."""


def restore_modules(module: nn.Module) -> None:
    """Undo in place the acceleration of a module and of the modules in it."""
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


def frozen_tensors(*modules: nn.Module) -> list[Tensor] | None:
    """Return the parameters and buffers of modules of mmgen that an accelerated form may replace.

    None if one of them requires a gradient, a forward hook is to see a module at work, or
    acceleration is switched off.
    """
    if not enabled():
        return None
    found: list[Tensor] = []
    for child in (child for module in modules for child in module.modules()):
        if child._forward_hooks or any(
            not isinstance(hook, EqualizedLR) for hook in child._forward_pre_hooks.values()
        ):
            return None
        found += [p for p in child._parameters.values() if p is not None]
        found += [b for b in child._buffers.values() if b is not None]
    return None if any(tensor.requires_grad for tensor in found) else found


def run(function: Callable, *inputs, checkpointing: bool):
    """Call a function that draws no random numbers, again in the backward pass if checkpointed."""
    if not checkpointing:
        return function(*inputs)
    return checkpoint(function, *inputs, use_reentrant=False, preserve_rng_state=False)
