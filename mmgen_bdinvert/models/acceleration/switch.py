# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Turns all of this room off: then everything runs on the modules of mmgen and of the losses."""

from __future__ import annotations

import contextlib
import contextvars
import os
from collections.abc import Iterator

__all__ = ['enabled', 'switched_off']

_on = contextvars.ContextVar(
    'acceleration', default=os.environ.get('BDINVERT_ACCELERATION', '1') != '0'
)


def enabled() -> bool:
    """Tell whether acceleration is on: yes, unless ``BDINVERT_ACCELERATION`` is 0 at import."""
    return _on.get()


@contextlib.contextmanager
def switched_off() -> Iterator[None]:
    """Do without acceleration inside the ``with`` block, in this thread."""
    token = _on.set(False)
    try:
        yield
    finally:
        _on.reset(token)
