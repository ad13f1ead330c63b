# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from .missed_validation_hook import MissedValidationHook
from .own_checkpoint_hook import OwnCheckpointHook
from .reconstruction_grid_hook import ReconstructionGridHook

__all__ = ['MissedValidationHook', 'OwnCheckpointHook', 'ReconstructionGridHook']
