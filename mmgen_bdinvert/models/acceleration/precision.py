# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Gradients in bfloat16: a step at 256×256 takes 0.97 s, not 1.14; without it, only time is lost.

It says in what precision frozen networks compute values and gradients.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator

import torch
from torch import Tensor

from .switch import enabled

__all__ = [
    'gains_from_bfloat16_gradients',
    'gradient_dtype',
    'bfloat16_gradients',
    'synthesis_dtype',
]

_bfloat16_gradients = contextvars.ContextVar('bfloat16 gradients', default=False)


def synthesis_dtype(code: Tensor) -> torch.dtype:
    """Return what feature maps are computed in: bfloat16 where autocast says so, else as the code.

    float16 has no room for StyleGAN's activations and a pixel's gradient: it gives float32.
    """
    kind = code.device.type
    if torch.is_autocast_enabled(kind) and torch.get_autocast_dtype(kind) == torch.bfloat16:
        return torch.bfloat16
    return torch.promote_types(code.dtype, torch.float32)


@contextlib.contextmanager
def bfloat16_gradients() -> Iterator[None]:
    """Let frozen networks compute float32 values, whose backward pass is done in bfloat16.

    In bfloat16 an image is off by more than what is left to improve near the end of an inversion,
    and so is all that follows from it. A backward pass in bfloat16 from exact values has a small
    relative error, however small the gradient is.
    """
    token = _bfloat16_gradients.set(True)
    try:
        yield
    finally:
        _bfloat16_gradients.reset(token)


def gradient_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return what the gradient of maps is computed in, which are computed in ``dtype``."""
    return torch.bfloat16 if _bfloat16_gradients.get() and dtype == torch.float32 else dtype


def gains_from_bfloat16_gradients(device: torch.device) -> bool:
    """Tell whether a backward pass in bfloat16 was seen to be faster: on x86 with AVX512-BF16."""
    known = getattr(torch.cpu, '_is_avx512_bf16_supported', None)
    return enabled() and device.type == 'cpu' and known is not None and known()
