# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from .config import read_config
from .hooks import MissedValidationHook, ReconstructionGridHook
from .settings import read_settings
from .strict_runner import StrictRunner

__all__ = [
    'MissedValidationHook',
    'ReconstructionGridHook',
    'StrictRunner',
    'read_config',
    'read_settings',
]
