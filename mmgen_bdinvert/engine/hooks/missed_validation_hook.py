# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Repeats the validation that a killed training did not finish."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop
from mmgen.registry import HOOKS

__all__ = ['MissedValidationHook']


@HOOKS.register_module()
class MissedValidationHook(Hook):
    """Validate when a training resumes from an iteration that ends with a validation.

    mmengine writes the checkpoint of such an iteration before it validates, and resumes behind the
    validation: a training that is killed in between would lack it, and perhaps the best checkpoint.
    A validation that had been finished is repeated, with the same result. For iteration-based
    trainings only.
    """

    priority = 'LOWEST'  # after CheckpointHook has read which checkpoint is the best

    def before_train(self, runner) -> None:
        loop = runner.train_loop
        if runner.val_loop is None or not isinstance(loop, IterBasedTrainLoop):
            return
        if runner.iter and runner.iter >= loop.val_begin:
            if runner.iter % loop.val_interval == 0 or runner.iter == loop.max_iters:
                runner.val_loop.run()
