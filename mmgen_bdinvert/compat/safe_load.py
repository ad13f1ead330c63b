# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Runner checkpoints under safe loading.

Cause: torch >= 2.6 loads with ``weights_only=True`` and refuses the ``HistoryBuffer`` and numpy
scalars that mmengine 0.10 writes into its own checkpoints, so nothing could be resumed.
These few classes are allow-listed; unsafe loading is never switched on. A HistoryBuffer pickles
its own methods as ``getattr(HistoryBuffer, 'mean')``: the name ``getattr`` is mapped to a function
that returns those methods and nothing else.
May be deleted: when mmengine allow-lists them itself.
"""

from __future__ import annotations

import numpy as np
import torch


def _history_method(owner, name):
    """Stand in for ``getattr`` inside a checkpoint."""
    from mmengine.logging.history_buffer import HistoryBuffer

    if owner is not HistoryBuffer or name not in ('current', 'max', 'mean', 'min'):
        raise ValueError(f'A checkpoint may not ask for {name!r} of {owner!r}.')
    return getattr(HistoryBuffer, name)


def install() -> None:
    """Allow-list the classes inside mmengine's checkpoints."""
    from mmengine.logging.history_buffer import (
        HistoryBuffer,  # not at the top: versions.check comes first
    )

    core = getattr(np, '_core', None) or np.core
    allowed = [HistoryBuffer, np.ndarray, np.dtype, core.multiarray.scalar]
    allowed += [core.multiarray._reconstruct]
    allowed += [type(np.dtype(t)) for t in ('f8', 'f4', 'i8', 'i4', 'u4', 'u8', 'u1', '?')]
    allowed.append((_history_method, 'builtins.getattr'))
    torch.serialization.add_safe_globals(allowed)
