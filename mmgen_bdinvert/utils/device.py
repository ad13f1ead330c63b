# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The device to compute on."""

from __future__ import annotations

import torch


def check_device(device: str | torch.device | None) -> torch.device:
    """Return a device, after a check before heavy work that it works.

    Args:
        device (str | torch.device | None): None takes the GPU if there is one.

    Raises:
        ValueError: torch does not know it, or it is not available here.
    """
    if device is None:
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        found = torch.device(device)
        torch.ones(1, device=found).item()  # the meta device, for one, has no values
    except Exception as error:  # torch raises several types
        here = ['cpu', *(f'cuda:{i}' for i in range(torch.cuda.device_count()))]
        raise ValueError(
            f'the device {str(device)!r} is not available here: take {" or ".join(here)}'
        ) from error
    return found
