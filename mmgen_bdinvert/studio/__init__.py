# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The studio in the browser; its page needs the extra ``studio``, the rest does not."""

from .edit import Edit
from .live_inversion import InversionCancelled, InversionStep, watch_inversion
from .session import Session
from .studio import Studio, shipped_directions

__all__ = [
    'Edit',
    'InversionCancelled',
    'InversionStep',
    'Session',
    'Studio',
    'shipped_directions',
    'watch_inversion',
]
