# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""How fast this package is, against mmgen's modules driven plainly.

Imported by its own name, not by :mod:`mmgen_bdinvert.evaluation`: it needs the whole package.
"""

import mmgen_bdinvert  # noqa: F401  (first: it makes mmgen importable)

from .faces import FaceSetting
from .machine import convolution_rate, count_operations, describe_machine
from .measure import Row, measure_encoder, measure_statistics, measure_step
from .memory import measure_memory
from .objective import measure_objective
from .report import check_speed_files, short_form, speed_table, write_speed
from .setting import Setting

__all__ = [
    'FaceSetting',
    'Row',
    'Setting',
    'check_speed_files',
    'convolution_rate',
    'count_operations',
    'describe_machine',
    'measure_encoder',
    'measure_memory',
    'measure_objective',
    'measure_statistics',
    'measure_step',
    'short_form',
    'speed_table',
    'write_speed',
]
