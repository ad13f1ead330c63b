# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Files of others: generators, encoders and statistics, converted and accounted for."""

from .conversion import Conversion
from .files import FORMATS, Format, convert_file

__all__ = ['FORMATS', 'Conversion', 'Format', 'convert_file']
