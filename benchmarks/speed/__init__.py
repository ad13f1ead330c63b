# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The speed of this package, compared with unmodified mmgen modules."""
