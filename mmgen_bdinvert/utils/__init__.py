# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Plumbing that the tools share."""

from .cli import (
    ToolParser,
    check_device,
    one_sentence,
    run_tool,
    say,
    silence_host,
)

__all__ = ['ToolParser', 'check_device', 'one_sentence', 'run_tool', 'say', 'silence_host']
