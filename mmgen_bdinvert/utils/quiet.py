# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Less output of the packages that this one builds on."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from mmengine.logging import MMLogger


@contextlib.contextmanager
def silence_host() -> Iterator[None]:
    """Keep messages of mmgen and matplotlib (style modes, font caches, loading) off the screen.

    Inside the ``with`` block nothing is printed on stdout; logs below errors stay off afterwards.
    """
    MMLogger.get_current_instance().setLevel(logging.ERROR)
    logging.getLogger('matplotlib').setLevel(logging.ERROR)
    with contextlib.redirect_stdout(None):
        yield
