# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""``python -m bdinvert_cli``, where the command is not installed."""

from . import main

main()
