# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The address of the studio, checked before anything is built."""

from __future__ import annotations

import queue
import socket
import threading
from typing import Any

from ..utils.numbers import checked_number

_PATIENCE = 1.5  # seconds to resolve a name; names of this machine take none


def check_address(host: str, port: int | None) -> None:
    """Check within 2 seconds that a server can listen at an address, or without a port at any.

    Raises:
        ValueError: The port is not from 1 to 65535.
        OSError: The host is not this machine, or the port is taken.
    """
    if port is not None:
        checked_number('port', port, least=1, most=65535, whole=True)
    place = f'{host!r}, port {"7860 and up" if port is None else port}'
    reason: object = 'there is no such host'
    for family, kind, protocol, _, address in _resolve(host, port or 0):
        try:
            with socket.socket(family, kind, protocol) as tried:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                tried.bind(address)
            return
        except OSError as error:
            reason = error.strerror or error
    raise OSError(f'The studio cannot listen at {place} ({reason}): choose another one.')


def _resolve(host: str, port: int) -> list[tuple[Any, ...]]:
    """Return the addresses of a host; none if they are not known in time."""
    answers: queue.Queue = queue.Queue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError):
            answers.put([])

    if not host:
        return []
    # In a thread: without a network, resolving takes up to 40 seconds.
    threading.Thread(target=ask, daemon=True).start()
    try:
        return answers.get(timeout=_PATIENCE)
    except queue.Empty:
        return []
