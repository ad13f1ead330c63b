# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The optimisation of a batch of images, as all inverters do it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ...structures import InversionResult
from .. import acceleration
from ..acceleration.cuda_graph import CudaGraphStep
from .image_optimizer import ImageOptimizer
from .image_state import ImageState
from .targets import covered

__all__ = ['Optimization', 'StepCallback']

# Called before every step and at the end: (step, num_steps, losses by name of shape (n,), images).
StepCallback = Callable[[int, int, dict[str, Tensor], Tensor], None]


class Optimization:
    """One inversion of a batch: its variables, which steps change in place, and their losses.

    Args:
        inverter (OptimizationInverter): Says what is optimised, and what is compared.
        images (Tensor): The targets (n, 3, H, W), in the generator's channel order, in [-1, 1].
        mask (Tensor | None): What losses see of them, (n, 1, H, W) from 0 to 1. Defaults to all.
    """

    @torch.no_grad()
    def __init__(self, inverter: nn.Module, images: Tensor, mask: Tensor | None = None):
        self.inverter, self._device = inverter, images.device
        self._images, self._mask = images, mask
        first = inverter.start(images)
        references = {
            'image': inverter.generator.to_rgb(images),
            'base': inverter.values(first).get('base'),
            'detail': inverter.statistics,
        }
        with inverter.precision(self._device):
            self._prepared = {
                name: loss.prepare(references[loss.compares])
                for name, loss in inverter.losses.items()
            }
        self.variables = {k: v.detach().clone() for k, v in first.items()}
        self._state = ImageState(self.variables, inverter.max_setbacks)
        self._optimised = [
            v.requires_grad_() for k, v in self.variables.items() if k not in inverter.fixed
        ]
        schedule = inverter.learning_rate
        self._optimizer = ImageOptimizer(inverter.optimizer, self._optimised, schedule)

    def evaluate(self, number: int) -> tuple[dict[str, Tensor], Tensor]:
        """Return weighted losses (n,) by name, with their sum 'total', and images (n, 3, H, W)."""
        inverter = self.inverter
        with inverter.precision(self._device):
            output = inverter.render(inverter.explore(self.variables, number))
            shown = inverter.generator.to_rgb(covered(output, self._images, self._mask))
            seen = {'image': shown, **inverter.values(self.variables)}
            terms = {
                name: loss.loss_weight * loss(seen[loss.compares], self._prepared[name])
                for name, loss in inverter.losses.items()
            }
            terms.update(inverter.penalties(self.variables, number))
        return {**terms, 'total': sum(terms.values())}, output

    def step(self, number: int) -> tuple[dict[str, Tensor], Tensor]:
        """Do a step; returns losses and images of the state before it, as :meth:`evaluate`."""
        self._optimizer.zero_grad()
        terms, images = self.evaluate(number)
        terms['total'].sum().backward()
        with torch.no_grad():
            terms = {name: value.detach() for name, value in terms.items()}
            gradients = [v.grad for v in self._optimised]
            self._state.observe(terms['total'], self.variables, gradients)
            self._optimizer.step(self._state.moving, terms['total'])
            self._optimizer.set_back(self._state.broken)
            self.inverter.constrain(self.variables)
            self._state.restore(self.variables, ~self._state.moving)
        return terms, images.detach()

    @torch.no_grad()
    def _finish(self) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Evaluate the last state, and go back to the best one where that is wanted or needed.

        Returns losses and images of the last state, and which images went back: bool (n,).
        """
        number = self.inverter.num_steps
        terms, images = self.evaluate(number)
        self._state.observe(terms['total'], self.variables, [])
        self._state.close(number)
        kept = self._state.better if self.inverter.keep_best else self._state.moving
        self._state.restore(self.variables, ~kept)
        return terms, images, ~kept

    def run(self, callback: StepCallback | None) -> InversionResult:
        """Do all steps."""
        inverter, history = self.inverter, []  # losses of shape (losses, n)

        def record(number: int, terms: dict[str, Tensor], images: Tensor) -> None:
            history.append(torch.stack(list(terms.values())))
            if callback is not None:  # a CUDA graph overwrites the images with the next ones
                losses = dict(zip(terms, history[-1]))
                callback(number, inverter.num_steps, losses, images.clone())

        repeatable = inverter._steady and self._optimizer.capturable
        graphed = self._device.type == 'cuda' and repeatable and acceleration.enabled()
        advance = CudaGraphStep(self.step) if graphed else self.step
        for number in range(inverter.num_steps):
            record(number, *advance(number))
        terms, images, restored = self._finish()
        record(inverter.num_steps, terms, images)

        with torch.no_grad():
            self._state.log_stopped()
            losses = dict(zip(terms, torch.stack(history, 1)))
            for values in losses.values():
                best = values.gather(0, self._state.best_at[None])[0]
                values[-1] = torch.where(restored, best, values[-1])
            variables = {k: v.detach() for k, v in self.variables.items()}
            # Without steps the image that was just evaluated is that of the result.
            same = not inverter.num_steps and inverter._steady and inverter.amp is not True
            return InversionResult(
                code=inverter.to_code(variables),
                reconstruction=images if same else inverter.render(variables),
                history={name: values.cpu() for name, values in losses.items()},
                stopped_at=self._state.stopped_at.cpu(),
                setbacks=self._state.setbacks.cpu(),
                variables=inverter.outcome(variables),
            )
