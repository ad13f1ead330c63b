# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Less on the screen."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from mmengine.logging import MMLogger

__all__ = ['silence_host']


@contextlib.contextmanager
def silence_host() -> Iterator[None]:
    """Keep the host packages' news (style modes, font caches, progress of loading) off the screen.

    Inside the ``with`` block nothing is printed on stdout; logs below errors stay off afterwards.
    """
    MMLogger.get_current_instance().setLevel(logging.ERROR)
    logging.getLogger('matplotlib').setLevel(logging.ERROR)
    with contextlib.redirect_stdout(None):
        yield
