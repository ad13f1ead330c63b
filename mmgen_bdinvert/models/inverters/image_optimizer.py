# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Steps of a batch in which every image can be set back on its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from mmgen.registry import OPTIMIZERS
from torch import Tensor

from ...utils.numbers import checked_number
from .image_state import per_image
from .image_steps import image_steps

__all__ = ['ImageOptimizer', 'checked_optimizer']


def checked_optimizer(config: Mapping[str, Any]) -> dict[str, Any]:
    """Build an optimiser once, to find out early what is wrong with its config."""
    try:
        built = OPTIMIZERS.build({**config, 'params': [torch.zeros(1, requires_grad=True)]})
    except Exception as error:  # every optimiser has checks of its own
        reason = ' '.join(str(error).split()) or type(error).__name__
        raise ValueError(f'optimizer={config!r} cannot be built ({reason}).') from error
    for name, value in built.defaults.items():
        for number in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(number, float):
                checked_number(f'optimizer.{name}', number)
    return dict(config)


class ImageOptimizer:
    """An optimiser in which every image of a batch has its own rate and restarts.

    A CUDA graph can repeat a step while the schedule's factor stays.
    """

    def __init__(self, config: dict, variables: Sequence[Tensor], schedule: Callable[[int], float]):
        self._variables = list(variables)
        self._optimizer = OPTIMIZERS.build({**config, 'params': self._variables})
        self._steps = image_steps(self._optimizer)
        self._schedule, self._done = schedule, 0
        self._rates = [group['lr'] for group in self._optimizer.param_groups]
        self._set_rates()
        some = self._variables[0]
        self._setbacks = torch.zeros(len(some), dtype=torch.long, device=some.device)

    @property
    def capturable(self) -> bool:
        """bool: Whether a CUDA graph can repeat its steps."""
        return self._steps.capturable

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self._optimizer.zero_grad()

    @torch.no_grad()
    def step(self, which: Tensor, losses: Tensor) -> None:
        """Move some images (bool, (n,)), given the losses (n,) whose gradients there are."""
        for v in self._variables:
            v.grad = torch.where(per_image(which, v), v.grad, 0)
        self._steps.step(losses, 0.5**self._setbacks)
        self._done += 1
        self._set_rates()

    def _set_rates(self) -> None:
        factor = self._schedule(self._done)
        for group, rate in zip(self._optimizer.param_groups, self._rates):
            group['lr'] = rate * factor

    @torch.no_grad()
    def set_back(self, which: Tensor) -> None:
        """Let some images (bool, (n,)) begin anew, and halve their rate from now on."""
        self._steps.forget(which)
        self._setbacks += which
