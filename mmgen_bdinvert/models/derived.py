# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Values that are computed from weights once, and again when the weights change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import torch
from torch import Tensor

__all__ = ['Derived']

T = TypeVar('T')


class Derived(Generic[T]):
    """A value computed from tensors, and again after one of them was replaced or written to.

    PyTorch counts in-place writes to a tensor (``load_state_dict``, ``copy_``, an optimiser's
    step), but not those through ``tensor.data``: these are not noticed here either.
    """

    def __init__(self, compute: Callable[..., T]):
        self._compute = compute
        # What the values belong to; these tensors, whose references keep the memory, so that no
        # other tensor can get the same address; and values by settings: a CUDA graph may refer to
        # each. Replaced as one, since several threads may render.
        self._state: tuple[list, list[Tensor], dict[tuple, T]] = [], [], {}

    def __call__(self, tensors: Sequence[Tensor], *settings) -> T:
        """Return ``compute(*settings)`` for the present state of the tensors that it uses."""
        key = [(t.data_ptr(), t._version, t.dtype, t.device) for t in tensors]
        state = self._state
        if key != state[0]:
            state = self._state = key, [t.detach() for t in tensors], {}
        values = state[2]
        if settings not in values:
            # Tensors made in inference mode could not be used in a later backward pass.
            with torch.inference_mode(False), torch.no_grad():
                values[settings] = self._compute(*settings)
        return values[settings]
