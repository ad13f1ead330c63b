# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Checkpoints of a training with OneCycleLR under safe loading.

Cause: the state of mmengine's OneCycleLR holds a function, which only a full pickle can read: a
checkpoint with it could be neither resumed nor loaded. The schedule is built with that function
anyway, so it is left out of the state.
May be deleted: when mmengine leaves it out itself.
"""

from __future__ import annotations


def install() -> None:
    """Leave functions out of the states of mmengine's parameter schedulers."""
    from mmengine.optim.scheduler.param_scheduler import (  # not at the top: after `sharding`
        OneCycleParamScheduler,
        _ParamScheduler,
    )

    def state_dict(self) -> dict:
        state = _ParamScheduler.state_dict(self)
        return {name: value for name, value in state.items() if not callable(value)}

    OneCycleParamScheduler.state_dict = state_dict
