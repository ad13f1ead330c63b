# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from .inversion_result import InversionResult
from .latent_code import LatentCode

__all__ = ['InversionResult', 'LatentCode']
