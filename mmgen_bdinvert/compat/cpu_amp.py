# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Training in bfloat16 on a CPU.

Cause: mmengine's ``AmpOptimWrapper`` asserts a GPU, although torch has autocast on a CPU, where
bfloat16, with the range of float32, needs no scaling of the loss.
May be deleted: when ``AmpOptimWrapper`` can be built on a CPU.
"""

from __future__ import annotations

import contextlib

import torch
from mmengine.optim import OptimWrapper
from mmgen.registry import OPTIM_WRAPPERS
from torch import nn


@OPTIM_WRAPPERS.register_module()
class CpuAmpOptimWrapper(OptimWrapper):
    """mmengine's optimiser wrapper, with forward passes in bfloat16 on a CPU."""

    @contextlib.contextmanager
    def optim_context(self, model: nn.Module):
        with super().optim_context(model), torch.autocast('cpu', torch.bfloat16):
            yield
