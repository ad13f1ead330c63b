# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Helpers that the tools share."""

from .device import check_device
from .quiet import silence_host

__all__ = ['check_device', 'silence_host']
