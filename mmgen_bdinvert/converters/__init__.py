# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Files of others: generators, encoders, statistics and codes, converted and accounted for."""

from .codes import convert_codes, read_codes
from .conversion import Conversion
from .files import FORMATS, Format, convert_file

__all__ = ['FORMATS', 'Conversion', 'Format', 'convert_codes', 'convert_file', 'read_codes']
