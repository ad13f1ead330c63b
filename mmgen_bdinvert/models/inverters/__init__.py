# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The method: regularised inversion, and the inversions that it is compared with."""
