# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Inversion as a job: finished images are on record, and several processes share the others."""

from .folder import locked_folder, remember_settings, settings_of
from .manifest import Manifest, read_outcomes
from .record import ImageOutcome
from .stopping import Interrupted, deferred_signals
from .workers import Workers, join_workers

__all__ = [
    'ImageOutcome',
    'Interrupted',
    'Manifest',
    'Workers',
    'deferred_signals',
    'join_workers',
    'locked_folder',
    'read_outcomes',
    'remember_settings',
    'settings_of',
]
