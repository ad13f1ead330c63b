# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
__version__ = '0.1.0'
