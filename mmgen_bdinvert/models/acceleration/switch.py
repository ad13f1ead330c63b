# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Turns this whole package off: everything then runs on the modules of mmgen and of the losses."""

import contextlib
import contextvars
import os
from collections.abc import Iterator

__all__ = ['enabled', 'switched_off']

_on = contextvars.ContextVar('acceleration', default=os.getenv('BDINVERT_ACCELERATION') != '0')


def enabled() -> bool:
    """Tell whether acceleration is on: yes, unless ``BDINVERT_ACCELERATION`` is 0 at import."""
    return _on.get()


@contextlib.contextmanager
def switched_off() -> Iterator[None]:
    """Turn acceleration off inside the ``with`` block, in this thread."""
    token = _on.set(False)
    try:
        yield
    finally:
        _on.reset(token)
