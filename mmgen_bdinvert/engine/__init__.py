# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from .config import read_config, read_settings
from .hooks import MissedValidationHook, ReconstructionGridHook
from .strict_runner import StrictRunner

__all__ = [
    'MissedValidationHook',
    'ReconstructionGridHook',
    'StrictRunner',
    'read_config',
    'read_settings',
]
