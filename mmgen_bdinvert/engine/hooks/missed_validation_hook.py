# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The validation that a training had not finished when it was killed."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop
from mmgen.registry import HOOKS

__all__ = ['MissedValidationHook']


@HOOKS.register_module()
class MissedValidationHook(Hook):
    """Validate where a training goes on from an iteration that ends with a validation.

    mmengine writes the checkpoint of such an iteration before it validates, and goes on behind the
    validation. A training that is killed in between would lack it, and with it maybe the best
    checkpoint, or keep an earlier best one beside the later. Where the validation had been done, it
    is done again and finds the same. Only iteration-based trainings are looked after.
    """

    priority = 'LOWEST'  # CheckpointHook has read by then which checkpoint was the best

    def before_train(self, runner) -> None:
        loop = runner.train_loop
        if runner.val_loop is None or not isinstance(loop, IterBasedTrainLoop):
            return
        if runner.iter and runner.iter >= loop.val_begin:
            if runner.iter % loop.val_interval == 0 or runner.iter == loop.max_iters:
                runner.val_loop.run()
