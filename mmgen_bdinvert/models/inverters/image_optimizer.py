# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Optimisers of a batch in which every image has its own rate and can restart on its own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from mmgen.registry import OPTIMIZERS
from torch import Tensor

from bdinvert_cli.sentences import reason_of

from ...compat.compiler import plain_step
from ...utils.numbers import checked_number
from .image_lbfgs import ImageLBFGS
from .image_state import per_image

__all__ = [
    'ImageOptimizer',
    'ImageSteps',
    'checked_optimizer',
    'image_steps',
    'restart_correction',
]


def checked_optimizer(config: Mapping[str, Any]) -> dict[str, Any]:
    """Build an optimiser once, to report early what is wrong with its config."""
    try:
        built = OPTIMIZERS.build({**config, 'params': [torch.zeros(1, requires_grad=True)]})
    except Exception as error:  # every optimiser has checks of its own
        kind = getattr(torch.optim, str(config.get('type')), None)
        known = list(inspect.signature(kind).parameters)[1:] if isinstance(kind, type) else []
        advice = f': {kind.__name__} takes {", ".join(known)}' if known else ''
        raise ValueError(
            f'optimizer={config!r} cannot be built ({reason_of(error)}){advice}.'
        ) from error
    for name, value in built.defaults.items():
        for number in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(number, float):
                checked_number(f'optimizer.{name}', number)
    return dict(config)


class ImageOptimizer:
    """An optimiser from its config, with a schedule, and a rate and restarts for each image.

    A CUDA graph can repeat its steps as long as the schedule is constant and :attr:`capturable`.
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
        """Reset the gradients."""
        self._optimizer.zero_grad()

    @torch.no_grad()
    def step(self, which: Tensor, losses: Tensor) -> None:
        """Move some images (bool, (n,)); the gradients are those of the losses (n,)."""
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
        """Restart some images (bool, (n,)) with half their rate."""
        self._steps.forget(which)
        self._setbacks += which


def restart_correction(betas: tuple[float, float], steps: Tensor, ages: Tensor) -> Tensor:
    """Return the factor of Adam's step where its moments are younger than its count of steps.

    Adam divides its moments by ``1 - β^t`` of its own count t (arXiv 1412.6980, section 3); moments
    of age k need ``1 - β^k``.
    """
    first, second = betas
    steps, ages = steps.float(), ages.float()
    mean = (1 - first**steps) / (1 - first**ages)
    return mean * ((1 - second**ages) / (1 - second**steps)).sqrt()


class ImageSteps:
    """Moves the variables of a batch, those of each image independently.

    This class does it with an optimiser of torch whose state is elementwise; images that never
    restarted take its own steps. Nothing waits for a GPU, and all tensors are written in place.
    """

    def __init__(self, optimizer: torch.optim.Optimizer):
        self._optimizer, self._plain_step = optimizer, plain_step(optimizer)
        self._variables = [p for group in optimizer.param_groups for p in group['params']]
        some = self._variables[0]
        for group in optimizer.param_groups:
            if some.is_cuda and 'capturable' in group:
                group['capturable'] = True
        self._count = torch.zeros((), dtype=torch.long, device=some.device)
        self._restarts = self._count.repeat(len(some))  # count at which each image last restarted

    @property
    def capturable(self) -> bool:
        """bool: Whether a CUDA graph can repeat its steps."""
        return all(group.get('capturable') for group in self._optimizer.param_groups)

    def step(self, losses: Tensor, rates: Tensor) -> None:
        """Move all images, given their losses and factors of their learning rates, (n,) each."""
        self._count += 1
        before = [v.clone() for v in self._variables]
        self._plain_step()
        rates = self._corrected(rates)
        for v, old in zip(self._variables, before):
            own = torch.lerp(old, v, per_image(rates.to(v.dtype), v))
            v.copy_(torch.where(per_image(self._restarts > 0, v), own, v))

    def _corrected(self, rates: Tensor) -> Tensor:
        return rates

    def forget(self, which: Tensor) -> None:
        """Restart some images (bool, (n,)) without moments, from the variables as they are."""
        for v in self._variables:
            for moment in self._optimizer.state[v].values():
                if isinstance(moment, Tensor) and moment.shape == v.shape:
                    moment.masked_fill_(per_image(which, moment), 0)
        self._restarts.copy_(torch.where(which, self._count, self._restarts))


class _AdamSteps(ImageSteps):
    def _corrected(self, rates: Tensor) -> Tensor:
        betas = self._optimizer.defaults['betas']
        return rates * restart_correction(betas, self._count, self._count - self._restarts)


class _SGDSteps(ImageSteps):
    capturable = True  # its steps do not depend on their number


@functools.singledispatch
def image_steps(optimizer: torch.optim.Optimizer) -> ImageSteps:
    """Return what moves a batch with an optimiser, with the methods of :class:`ImageSteps`.

    ``image_steps.register`` adds kinds of optimisers.
    """
    return ImageSteps(optimizer)


image_steps.register(torch.optim.Adam, _AdamSteps)
image_steps.register(torch.optim.AdamW, _AdamSteps)
image_steps.register(torch.optim.SGD, _SGDSteps)
image_steps.register(ImageLBFGS, lambda optimizer: optimizer)  # has these methods itself
