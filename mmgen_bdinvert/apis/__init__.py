# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What a Python user calls."""

from ..jobs import ImageOutcome
from ..jobs.invert_files import invert_files, plan_files
from ..models.inverters.presets import PRESETS
from .animation import animate
from .codes import find_codes
from .config import find_config, load_config, recorded_config, shipped_configs
from .directions import draw_samples, find_directions
from .edit_batch import EditOutcome, edit_files
from .images import to_batch
from .inference import edit, init_generator, init_inverter, invert, render
from .motion import align, transform
from .photos import init_finder, look_of
from .straightening import straighten

__all__ = [
    'EditOutcome',
    'ImageOutcome',
    'PRESETS',
    'align',
    'animate',
    'draw_samples',
    'edit',
    'edit_files',
    'find_codes',
    'find_config',
    'find_directions',
    'init_finder',
    'init_generator',
    'init_inverter',
    'invert',
    'invert_files',
    'load_config',
    'look_of',
    'plan_files',
    'recorded_config',
    'render',
    'shipped_configs',
    'straighten',
    'to_batch',
    'transform',
]
