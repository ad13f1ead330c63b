# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What a Python user calls."""

from .batch import ImageOutcome, invert_files, plan_files
from .config import find_config, load_config, shipped_configs
from .edit_batch import EditOutcome, edit_files, find_codes, recorded_config
from .images import to_batch
from .inference import edit, init_generator, init_inverter, invert, render, transform

__all__ = [
    'EditOutcome',
    'ImageOutcome',
    'edit',
    'edit_files',
    'find_codes',
    'find_config',
    'init_generator',
    'init_inverter',
    'invert',
    'invert_files',
    'load_config',
    'plan_files',
    'recorded_config',
    'render',
    'shipped_configs',
    'to_batch',
    'transform',
]
