# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Gradients in bfloat16: a step at 256×256 takes 0.97 s, not 1.14; without it, only time is lost.

Frozen networks ask here for the precision of their values and gradients.
"""

import contextlib
import contextvars
from collections.abc import Iterator

import torch
from torch import Tensor

from .switch import enabled

__all__ = [
    'bfloat16_gradients',
    'gains_from_bfloat16_gradients',
    'gradient_dtype',
    'synthesis_dtype',
]

_bfloat16_gradients = contextvars.ContextVar('bfloat16 gradients', default=False)


def synthesis_dtype(code: Tensor) -> torch.dtype:
    """Return the dtype of feature maps: bfloat16 under autocast to it, else the code's.

    float16 cannot hold StyleGAN's activations and a pixel's gradient: it gives float32.
    """
    kind = code.device.type
    if torch.is_autocast_enabled(kind) and torch.get_autocast_dtype(kind) == torch.bfloat16:
        return torch.bfloat16
    return torch.promote_types(code.dtype, torch.float32)


@contextlib.contextmanager
def bfloat16_gradients() -> Iterator[None]:
    """Let frozen networks compute values in float32 and their backward pass in bfloat16.

    Near the end of an inversion an image in bfloat16 is off by more than what is left to improve.
    A backward pass in bfloat16 from exact values has a small relative error, however small the
    gradient is.
    """
    token = _bfloat16_gradients.set(True)
    try:
        yield
    finally:
        _bfloat16_gradients.reset(token)


def gradient_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the dtype in which the gradient of maps of ``dtype`` is computed."""
    return torch.bfloat16 if _bfloat16_gradients.get() and dtype == torch.float32 else dtype


def gains_from_bfloat16_gradients(device: torch.device) -> bool:
    """Tell whether a backward pass in bfloat16 is faster: measured on x86 with AVX512-BF16."""
    supported = getattr(torch.cpu, '_is_avx512_bf16_supported', None)
    return enabled() and device.type == 'cpu' and supported is not None and supported()
