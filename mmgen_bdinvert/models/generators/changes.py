# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Weights and noise maps that an image has of its own, as differences from its generator's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Union

import torch
from torch import Tensor, nn
from torch.func import functional_call

__all__ = ['call_changed', 'call_with', 'check_changes', 'differences']

Parts = tuple[Union[Tensor, None], ...]


class _Call(nn.Module):
    """Wraps any function of a network for ``functional_call``, which calls modules."""

    def __init__(self, network: nn.Module, function: Callable):
        super().__init__()
        self.network, self._function = network, function

    def forward(self, *args):
        return self._function(*args)


def call_with(
    network: nn.Module, own: Mapping[str, Tensor], function: Callable, *batch: Tensor | None
) -> Parts:
    """Call a function that uses a network, with parameters of its own for each image.

    Args:
        network (nn.Module): Has its usual parameters again afterwards.
        own (Mapping[str, Tensor]): What replaces parameters and buffers, (n, …), by name.
        function (Callable): Takes and returns tensors of n images; each may be None.
        *batch (Tensor | None): Its arguments.
    """
    call, parts = _Call(network, function), []
    for i in range(len(next(iter(own.values())))):
        weights = {f'network.{name}': value[i] for name, value in own.items()}
        one = tuple(None if tensor is None else tensor[i : i + 1] for tensor in batch)
        parts.append(functional_call(call, weights, one))
    return tuple(None if part[0] is None else torch.cat(part) for part in zip(*parts))


def call_changed(
    network: nn.Module, changes: Mapping[str, Tensor], function: Callable, *batch: Tensor | None
) -> Parts:
    """Call as :func:`call_with`, with ``changes`` added to parameters and buffers, if any."""
    if not changes:
        return function(*batch)
    usual = _tensors(network)
    own = {name: usual[name] + value for name, value in changes.items()}
    return call_with(network, own, function, *batch)


def differences(network: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the changes, (n, …) each, from a network's parameters and buffers to others."""
    usual = _tensors(network)
    return {name: value - usual[name] for name, value in tensors.items()}


def check_changes(network: nn.Module, changes: Mapping[str, Tensor], called: str) -> None:
    """Refuse changes (n, …) that do not fit a network."""
    usual = _tensors(network)
    for name, value in changes.items():
        if name not in usual:
            raise ValueError(f'{called} changes {name!r}, which this generator does not have.')
        wanted, given = tuple(usual[name].shape), tuple(value.shape[1:])
        if given != wanted:
            raise ValueError(
                f'{called} changes {name!r} of shape {wanted}, but with the shape {given}: use the '
                f'config it was made with.'
            )


def _tensors(network: nn.Module) -> dict[str, Tensor]:
    named = (*network.named_parameters(), *network.named_buffers())
    return {name: tensor.detach() for name, tensor in named}
