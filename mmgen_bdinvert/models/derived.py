# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Values that are computed once from weights, and again when those change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import torch
from torch import Tensor

__all__ = ['Derived']

T = TypeVar('T')


class Derived(Generic[T]):
    """A value derived from tensors, computed again when one of them was replaced or written to.

    PyTorch counts what is written to a tensor in place (``load_state_dict``, ``copy_``, an
    optimiser's step); what goes through ``tensor.data`` it does not see, and neither does this.
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
