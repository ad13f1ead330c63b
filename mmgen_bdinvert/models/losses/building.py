# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The losses of an inverter, from their configs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeVar

from torch import nn

from ..parts import build_part

__all__ = ['build_losses', 'checked_losses']

T = TypeVar('T')


def checked_losses(losses: Mapping[str, T]) -> Mapping[str, T]:
    """Return losses by name, or say that there must be one."""
    if not isinstance(losses, Mapping) or all(loss is None for loss in losses.values()):
        raise ValueError(f'losses is a dict with at least one loss, but got {losses!r}.')
    return losses


def build_losses(
    losses: Mapping[str, dict | nn.Module | None],
    owner: str,
    *,
    comparable: Collection[str],
    reserved: Collection[str],
    statistics: nn.Module | None,
) -> nn.ModuleDict:
    """Build the losses that an inverter compares with.

    Args:
        losses (Mapping[str, dict | nn.Module | None]): Losses by name, or their configs; None is
            none, so that a config leaves out a loss of its base.
        owner (str): Name of the inverter.
        comparable (Collection[str]): What it has to compare.
        reserved (Collection[str]): Names that no loss may take.
        statistics (LatentStatistics | None): Its statistics.

    Raises:
        ValueError: If there is no loss, a name is reserved, or a loss compares what the inverter
            has not.
    """
    built = nn.ModuleDict()
    for name, loss in checked_losses(losses).items():
        if name in reserved:
            raise ValueError(f'The loss name {name!r} is taken: choose another.')
        if loss is not None:
            built[name] = build_part(f'losses.{name}', loss, has='compares')
    for name, loss in built.items():
        if loss.compares not in comparable:
            raise ValueError(
                f'{owner} has no {loss.compares} code for the loss {name!r} '
                f'({type(loss).__name__}) to compare: leave it out.'
            )
        if loss.compares == 'detail' and statistics is None:
            raise ValueError(
                f'The loss {name!r} ({type(loss).__name__}) needs the latent statistics of the '
                f'generator: make them with tools/latent_stats.py and set statistics=.'
            )
    return built
