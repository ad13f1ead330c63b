# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""State dicts: does one fit a network, and which weights does it hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..io.tensors import check_usable, floats, shown_name

__all__ = ['fit_state', 'update_digest']

_SHOWN = 3  # mismatches named in an error


def fit_state(
    given: Mapping[str, Tensor],
    wanted: Mapping[str, Tensor],
    source: object,
    what: str,
    remedy: str = 'Give the weights that belong to it.',
) -> dict[str, Tensor]:
    """Check that weights fit a network in every name, shape, type and value.

    Args:
        given (Mapping[str, Tensor]): The weights.
        wanted (Mapping[str, Tensor]): The network's own state dict.
        source (object): Where the weights come from, for messages.
        what (str): The network, for messages, such as 'this generator'.
        remedy (str): What to do where names or shapes differ.

    Returns:
        dict[str, Tensor]: The weights: real numbers in float32, whole ones in the network's type.

    Raises:
        ValueError: A tensor is missing or unexpected, has another shape or kind of numbers, or is
            not finite; the message names the first ones.
    """
    missing = [name for name in wanted if name not in given]
    unexpected = [shown_name(name) for name in given if name not in wanted]
    shapes = [
        f'{name} is {tuple(given[name].shape)} instead of {tuple(tensor.shape)}'
        for name, tensor in wanted.items()
        if name in given and given[name].shape != tensor.shape
    ]
    if missing or unexpected or shapes:
        matched = len(wanted) - len(missing) - len(shapes)
        parts = [f'{matched} of {len(wanted)} tensors match']
        kinds = {'other shape': shapes, 'missing': missing, 'unexpected': unexpected}
        for label, names in kinds.items():
            if names:
                more = ', …' if len(names) > _SHOWN else ''
                parts.append(f'{label} ({len(names)}): ' + ', '.join(names[:_SHOWN]) + more)
        raise ValueError(f'{source} does not fit {what}: {"; ".join(parts)}. {remedy}')
    try:
        return {name: _like(given[name], tensor, name) for name, tensor in wanted.items()}
    except ValueError as error:
        raise ValueError(f'{source} does not fit {what}: {error}.') from error


def _like(tensor: Tensor, wanted: Tensor, name: str) -> Tensor:
    """Return a tensor in the type of another, if that changes no value by more than rounding."""
    if wanted.is_floating_point():
        return floats(tensor, name)
    check_usable(tensor, name)
    kind = str(wanted.dtype).removeprefix('torch.')
    real = tensor.is_floating_point() or tensor.is_complex()
    if real or (tensor.dtype is torch.bool) != (wanted.dtype is torch.bool):
        found = str(tensor.dtype).removeprefix('torch.')
        raise ValueError(f'the tensor {name} must hold {kind}, but holds {found}')
    result = tensor.detach().to(wanted.dtype)
    if not torch.equal(result.to(tensor.dtype), tensor):
        raise ValueError(f'the tensor {name} holds values that {kind} cannot hold')
    return result


def update_digest(digest: Any, tensors: Mapping[str, Any]) -> None:
    """Feed a hash of hashlib with names, shapes and float32 values of tensors, sorted by name.

    Whatever is not a tensor is skipped.
    """
    for name, tensor in sorted(tensors.items()):
        if isinstance(tensor, Tensor):
            digest.update(f'{name}{tuple(tensor.shape)}'.encode())
            digest.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
