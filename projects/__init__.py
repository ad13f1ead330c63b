# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What was made with the package, and how; run from a checkout."""
