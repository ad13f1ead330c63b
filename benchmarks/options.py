# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""An option that several benchmarks have."""

from __future__ import annotations

from bdinvert_cli.parser import ToolParser

_DEFAULT = 'bdinvert_inv_toon128'


def add_config(parser: ToolParser, what: str = 'an inverter of drawn faces') -> None:
    """Add the argument ``config`` of ``what``, by default that of the 128×128 domain."""
    parser.add_argument(
        'config', nargs='?', default=_DEFAULT, help=f'config of {what} (default: {_DEFAULT})'
    )
