# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Steps of a batch in which every image can be set back on its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from mmgen.registry import OPTIMIZERS
from torch import Tensor

from ...compat.compiler import plain_step
from ...utils.numbers import checked_number
from .image_lbfgs import ImageLBFGS
from .image_state import per_image

__all__ = ['ImageOptimizer', 'checked_optimizer', 'restart_correction']


def restart_correction(betas: tuple[float, float], steps: Tensor, ages: Tensor) -> Tensor:
    """Return what corrects Adam's step where its moments began anew later than it did.

    Adam divides its moments by ``1 - β^t`` of its own number of steps t (arXiv 1412.6980, section
    3); moments of age k need ``1 - β^k``.

    Args:
        betas (tuple[float, float]): β of the first and the second moment.
        steps (Tensor): Steps of the optimiser, this one included: t, of shape ().
        ages (Tensor): Steps of the moments, this one included: k, from 1 to t, of any shape.

    Returns:
        Tensor: Factors of the step, of that shape, float32; 1 where k is t, but for rounding.
    """
    first, second = betas
    steps, ages = steps.float(), ages.float()
    mean = (1 - first**steps) / (1 - first**ages)
    return mean * ((1 - second**ages) / (1 - second**steps)).sqrt()


def checked_optimizer(config: Mapping[str, Any]) -> dict[str, Any]:
    """Build an optimiser once, to find out early what is wrong with its config.

    Args:
        config (Mapping[str, Any]): Without parameters.

    Returns:
        dict[str, Any]: The config.

    Raises:
        ValueError: It is of no known type, or a setting is unknown or out of range.
    """
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
    """An optimiser of torch in which every image of a batch has its own rate and restarts.

    Images that were never set back take torch's own steps. Nothing here waits for a GPU, and all
    tensors are written to in place, so that a CUDA graph can repeat a step while the rate stays.

    Args:
        config (dict): Config of the optimiser, without parameters.
        variables (Sequence[Tensor]): What it optimises, each with the batch first.
        schedule (Callable[[int], float]): Factor of the learning rate at a step.
    """

    def __init__(self, config: dict, variables: Sequence[Tensor], schedule: Callable[[int], float]):
        self._variables = list(variables)
        self._optimizer = OPTIMIZERS.build({**config, 'params': self._variables})
        self._plain_step = plain_step(self._optimizer)
        self._schedule, self._done = schedule, 0
        self._rates = [group['lr'] for group in self._optimizer.param_groups]
        self._set_rates()
        some = self._variables[0]
        if some.is_cuda:
            for group in self._optimizer.param_groups:
                if 'capturable' in group:
                    group['capturable'] = True
        self._setbacks = torch.zeros(len(some), dtype=torch.long, device=some.device)
        self._began = torch.zeros_like(self._setbacks)  # steps before the moments' first one
        self._steps = torch.zeros((), dtype=torch.long, device=some.device)

    @property
    def capturable(self) -> bool:
        """bool: Whether a CUDA graph can repeat its steps."""
        own = isinstance(self._optimizer, (ImageLBFGS, torch.optim.SGD))
        return own or all(group.get('capturable') for group in self._optimizer.param_groups)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self._optimizer.zero_grad()

    @torch.no_grad()
    def step(self, which: Tensor, losses: Tensor) -> None:
        """Move some images (bool, (n,)), given the losses (n,) whose gradients there are."""
        self._steps += 1
        self._done += 1
        for v in self._variables:
            v.grad = torch.where(per_image(which, v), v.grad, 0)
        rate = 0.5**self._setbacks
        if isinstance(self._optimizer, ImageLBFGS):
            self._optimizer.step(losses, rate)
            self._set_rates()
            return
        before = [v.clone() for v in self._variables]
        self._plain_step()
        self._set_rates()
        if isinstance(self._optimizer, (torch.optim.Adam, torch.optim.AdamW)):
            betas, ages = self._optimizer.defaults['betas'], self._steps - self._began
            rate = rate * restart_correction(betas, self._steps, ages)
        for v, old in zip(self._variables, before):
            own = torch.lerp(old, v, per_image(rate.to(v.dtype), v))
            v.copy_(torch.where(per_image(self._setbacks > 0, v), own, v))

    def _set_rates(self) -> None:
        factor = self._schedule(self._done)
        for group, rate in zip(self._optimizer.param_groups, self._rates):
            group['lr'] = rate * factor

    @torch.no_grad()
    def set_back(self, which: Tensor) -> None:
        """Forget the moments of some images (bool, (n,)), and halve their rate from now on."""
        for v in self._variables:
            for moment in self._optimizer.state[v].values():
                if isinstance(moment, Tensor) and moment.shape == v.shape:
                    moment.masked_fill_(per_image(which, moment), 0)
        if isinstance(self._optimizer, ImageLBFGS):
            self._optimizer.forget(which)
        self._setbacks += which
        self._began.copy_(torch.where(which, self._steps, self._began))
