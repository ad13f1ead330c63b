# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What an optimiser does in a batch in which every image has its own rate and restarts."""

from __future__ import annotations

import functools
from typing import Protocol

import torch
from torch import Tensor

from ...compat.compiler import plain_step
from .image_lbfgs import ImageLBFGS
from .image_state import per_image

__all__ = ['ImageSteps', 'image_steps', 'restart_correction']


class ImageSteps(Protocol):
    """Moves the variables of a batch, those of each image on their own.

    Nothing in it waits for a GPU, and all tensors are written to in place.
    """

    @property
    def capturable(self) -> bool:
        """Whether a CUDA graph can repeat its steps."""

    def step(self, losses: Tensor, rates: Tensor) -> None:
        """Move all images, given their losses and factors of their learning rates, (n,) each."""

    def forget(self, which: Tensor) -> None:
        """Let some images (bool, (n,)) begin anew from the state they are given."""


def restart_correction(betas: tuple[float, float], steps: Tensor, ages: Tensor) -> Tensor:
    """Return what corrects Adam's step where its moments began anew later than it did.

    Adam divides its moments by ``1 - β^t`` of its own number of steps t (arXiv 1412.6980, section
    3); moments of age k need ``1 - β^k``.
    """
    first, second = betas
    steps, ages = steps.float(), ages.float()
    mean = (1 - first**steps) / (1 - first**ages)
    return mean * ((1 - second**ages) / (1 - second**steps)).sqrt()


class _TorchSteps:
    """Those of torch's optimisers, whose state is elementwise; see :class:`ImageSteps`.

    Images that never began anew take torch's own steps.
    """

    def __init__(self, optimizer: torch.optim.Optimizer):
        self._optimizer, self._plain_step = optimizer, plain_step(optimizer)
        self._variables = [p for group in optimizer.param_groups for p in group['params']]
        some = self._variables[0]
        for group in optimizer.param_groups:
            if some.is_cuda and 'capturable' in group:
                group['capturable'] = True
        self._steps = torch.zeros((), dtype=torch.long, device=some.device)
        self._began = self._steps.repeat(len(some))  # steps before the moments' first one

    @property
    def capturable(self) -> bool:
        return all(group.get('capturable') for group in self._optimizer.param_groups)

    def step(self, losses: Tensor, rates: Tensor) -> None:
        self._steps += 1
        before = [v.clone() for v in self._variables]
        self._plain_step()
        rates = self._corrected(rates)
        for v, old in zip(self._variables, before):
            own = torch.lerp(old, v, per_image(rates.to(v.dtype), v))
            v.copy_(torch.where(per_image(self._began > 0, v), own, v))

    def _corrected(self, rates: Tensor) -> Tensor:
        return rates

    def forget(self, which: Tensor) -> None:
        for v in self._variables:
            for moment in self._optimizer.state[v].values():
                if isinstance(moment, Tensor) and moment.shape == v.shape:
                    moment.masked_fill_(per_image(which, moment), 0)
        self._began.copy_(torch.where(which, self._steps, self._began))


class _AdamSteps(_TorchSteps):
    def _corrected(self, rates: Tensor) -> Tensor:
        betas = self._optimizer.defaults['betas']
        return rates * restart_correction(betas, self._steps, self._steps - self._began)


class _SGDSteps(_TorchSteps):
    capturable = True  # its steps do not depend on their number


@functools.singledispatch
def image_steps(optimizer: torch.optim.Optimizer) -> ImageSteps:
    """Return the steps of an optimiser; ``image_steps.register`` adds kinds of optimisers."""
    return _TorchSteps(optimizer)


image_steps.register(torch.optim.Adam, _AdamSteps)
image_steps.register(torch.optim.AdamW, _AdamSteps)
image_steps.register(torch.optim.SGD, _SGDSteps)
image_steps.register(ImageLBFGS, lambda optimizer: optimizer)  # made for it
