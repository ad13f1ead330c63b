# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Programs that measure the package; run from a checkout, as ``python -m benchmarks.NAME``."""
