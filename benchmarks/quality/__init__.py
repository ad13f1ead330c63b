# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Methods of one inverter family against each other, and against drawn truth.

Imported by its own name, not by :mod:`mmgen_bdinvert.evaluation`: it needs the whole package.
"""

from .faces import DrawnFaces, Face, Photos, unmove
from .intervals import Interval, mean_interval, paired_interval
from .measures import Measures, edit_region
from .plan import Edit, Plan, build_method, read_plan, resolution
from .report import write_report
from .runner import Benchmark
from .summary import Cell, Metric, best_strengths, summarise, verdicts

__all__ = [
    'Benchmark',
    'Cell',
    'DrawnFaces',
    'Edit',
    'Face',
    'Interval',
    'Measures',
    'Metric',
    'Photos',
    'Plan',
    'best_strengths',
    'build_method',
    'edit_region',
    'mean_interval',
    'paired_interval',
    'read_plan',
    'resolution',
    'summarise',
    'unmove',
    'verdicts',
    'write_report',
]
