# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The parts that models are built from."""

from __future__ import annotations

from mmgen.registry import MODULES
from torch import nn

__all__ = ['build_part']


def build_part(name: str, part: object, has: str) -> nn.Module:
    """Build a part of a model from its config, or take it as it is.

    Args:
        name (str): Of the setting, for messages.
        part (dict | nn.Module): The part, or its config.
        has (str): An attribute that tells such a part from others.

    Returns:
        nn.Module: The part.

    Raises:
        ValueError: It is something else.
    """
    built = MODULES.build(part) if isinstance(part, dict) else part
    if not isinstance(built, nn.Module) or not hasattr(built, has):
        found = type(built).__name__ if isinstance(built, nn.Module) else repr(part)
        raise ValueError(f'{name} is a part of the model, given as dict(type=…), but got {found}.')
    return built
