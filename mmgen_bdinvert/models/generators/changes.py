# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Weights and noise maps that an image has of its own, as differences from its generator's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Union

import torch
from torch import Tensor, nn
from torch.func import functional_call

__all__ = ['call_changed', 'check_changes', 'differences']

Parts = tuple[Union[Tensor, None], ...]


class _Call(nn.Module):
    """Makes any function of a network one that ``functional_call`` can call."""

    def __init__(self, network: nn.Module, function: Callable):
        super().__init__()
        self.network, self._function = network, function

    def forward(self, *args):
        return self._function(*args)


def call_changed(
    network: nn.Module,
    changes: Mapping[str, Tensor],
    function: Callable[..., Parts],
    *batch: Tensor | None,
) -> Parts:
    """Call a function of a batch, of each image with parameters and buffers of its own.

    Args:
        network (nn.Module): What the function uses; afterwards it is what it was.
        changes (Mapping[str, Tensor]): What is added, (n, …), by name in ``network``. If there is
            nothing, the function is called once.
        function (Callable): Takes tensors of n images, or None in their place, and returns a tuple
            of such.
        *batch (Tensor | None): Its arguments.
    """
    if not changes:
        return function(*batch)
    own, call, parts = _own(network), _Call(network, function), []
    for i in range(len(next(iter(changes.values())))):
        changed = {f'network.{name}': own[name] + value[i] for name, value in changes.items()}
        one = [None if tensor is None else tensor[i : i + 1] for tensor in batch]
        parts.append(functional_call(call, changed, tuple(one)))
    return tuple(None if part[0] is None else torch.cat(part) for part in zip(*parts))


def differences(network: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what changes a network's parameters and buffers into others, (n, …) each."""
    own = _own(network)
    return {name: value - own[name] for name, value in tensors.items()}


def check_changes(network: nn.Module, changes: Mapping[str, Tensor], called: str) -> None:
    """Refuse changes (n, …) that do not fit a network."""
    own = _own(network)
    for name, value in changes.items():
        if name not in own:
            raise ValueError(f'{called} changes {name!r}, which this generator does not have.')
        if value.shape[1:] != own[name].shape:
            raise ValueError(
                f'{called} changes {name!r} of shape {tuple(own[name].shape)}, but with the shape '
                f'{tuple(value.shape[1:])}: use the config it was made with.'
            )


def _own(network: nn.Module) -> dict[str, Tensor]:
    named = (*network.named_parameters(), *network.named_buffers())
    return {name: tensor.detach() for name, tensor in named}
