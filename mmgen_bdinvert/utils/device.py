# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Where to compute."""

from __future__ import annotations

import torch

__all__ = ['check_device']


def check_device(device: str | torch.device | None) -> torch.device:
    """Find out before heavy work whether a device is there.

    Args:
        device (str | torch.device | None): None takes the GPU where there is one.

    Returns:
        torch.device: The device.

    Raises:
        ValueError: It is not known to torch, or not available here.
    """
    if device is None:
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        found = torch.device(device)
        torch.ones(1, device=found).item()  # the meta device, for one, has no values
    except Exception as error:  # torch has many ways to say no
        raise ValueError(
            f'the device {str(device)!r} is not available here: take cpu'
            + (', or one of ' + _gpus() if torch.cuda.is_available() else '')
        ) from error
    return found


def _gpus() -> str:
    return ', '.join(f'cuda:{i}' for i in range(torch.cuda.device_count()))
