# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Parts of a model, built from their configs."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from mmgen.registry import MODULES
from torch import nn

__all__ = ['build_losses', 'build_part', 'build_statistics']


def build_part(name: str, part: object, has: str) -> nn.Module:
    """Build a part of a model from its config, or take a built one as it is.

    Args:
        name (str): Setting that the part was given for, for messages.
        part (dict | nn.Module): The part, or its config.
        has (str): An attribute that every part of this kind has.

    Raises:
        ValueError: It is something else.
    """
    built = MODULES.build(part) if isinstance(part, dict) else part
    if not isinstance(built, nn.Module) or not hasattr(built, has):
        found = type(built).__name__ if isinstance(built, nn.Module) else repr(part)
        raise ValueError(f'{name} is a part of the model, given as dict(type=…), but got {found}.')
    return built


def build_statistics(statistics: dict | nn.Module, generator: nn.Module) -> nn.Module:
    """Build the latent statistics of a BaseDetailGenerator, or take built ones as they are.

    Raises:
        ValueError: They are something else, or those of another generator.
    """
    if isinstance(statistics, dict):
        statistics = {**statistics, 'fingerprint': generator.fingerprint}
    built = build_part('statistics', statistics, has='whiten')
    if built.fingerprint not in ('', generator.fingerprint):
        raise ValueError(
            f'The latent statistics are those of another generator (fingerprint '
            f'{built.fingerprint[:12]}…, this one is {generator.fingerprint[:12]}…): fit '
            f'them for this one with tools/latent_stats.py.'
        )
    return built


def build_losses(
    losses: Mapping[str, dict | nn.Module | None],
    owner: str,
    *,
    comparable: Collection[str],
    reserved: Collection[str] = (),
    statistics: nn.Module | None = None,
) -> nn.ModuleDict:
    """Build the losses of a model.

    Args:
        losses (Mapping[str, dict | nn.Module | None]): Losses by name, or their configs; None
            leaves out a loss of a base config.
        owner (str): Name of the model's class.
        comparable (Collection[str]): What the model can compare: 'image', 'base', 'detail',
            'frame', 'styles', 'whitened'.
        reserved (Collection[str]): Names that no loss may have.
        statistics (LatentStatistics | None): Without them, no detail codes can be compared.

    Raises:
        ValueError: There is no loss, a name is reserved, or a loss compares something else.
    """
    if not isinstance(losses, Mapping) or all(loss is None for loss in losses.values()):
        raise ValueError(f'losses is a dict with at least one loss, but got {losses!r}.')
    built = nn.ModuleDict()
    for name, loss in losses.items():
        if name in reserved:
            raise ValueError(f'The loss name {name!r} is taken: choose another.')
        if loss is not None:
            built[name] = build_part(f'losses.{name}', loss, has='compares')
    for name, loss in built.items():
        called = f'the loss {name!r} ({type(loss).__name__})'
        if loss.compares not in comparable:
            raise ValueError(
                f"{owner} cannot compare '{loss.compares}', as {called} would: leave it out."
            )
        if loss.compares == 'detail' and statistics is None:
            raise ValueError(
                f'{called[0].upper()}{called[1:]} needs the latent statistics of the generator: '
                f'make them with tools/latent_stats.py and set statistics=.'
            )
    return built
