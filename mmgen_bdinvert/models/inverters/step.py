# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A step of an inversion."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .image_optimizer import ImageOptimizer
from .image_state import ImageState

__all__ = ['InversionStep']

# (step) -> weighted losses by name, with their sum 'total', (n,) each, and images (n, 3, H, W)
Evaluate = Callable[[int], 'tuple[dict[str, Tensor], Tensor]']


class InversionStep:
    """Evaluates variables, notes what became of each image, and moves the variables in place."""

    def __init__(
        self,
        evaluate: Evaluate,
        variables: dict[str, Tensor],
        optimised: list[Tensor],
        optimizer: ImageOptimizer,
        state: ImageState,
        constrain: Callable[[dict[str, Tensor]], object],
    ):
        self.evaluate, self.variables, self.optimised = evaluate, variables, optimised
        self.optimizer, self.state, self.constrain = optimizer, state, constrain

    def __call__(self, step: int) -> tuple[dict[str, Tensor], Tensor]:
        """Do a step; returns losses and images of the state before it, as ``evaluate`` does."""
        self.optimizer.zero_grad()
        terms, images = self.evaluate(step)
        terms['total'].sum().backward()
        with torch.no_grad():
            terms = {name: value.detach() for name, value in terms.items()}
            gradients = [v.grad for v in self.optimised]
            self.state.observe(terms['total'], self.variables, gradients)
            self.optimizer.step(self.state.moving, terms['total'])
            self.optimizer.set_back(self.state.broken)
            self.constrain(self.variables)
            self.state.restore(self.variables, ~self.state.moving)
        return terms, images.detach()

    def finish(self, step: int, keep_best: bool) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Evaluate the last state, and go back to the best one where that is wanted or needed.

        Args:
            step (int): Number of steps that were done.
            keep_best (bool): Whether every image ends with its best state.

        Returns:
            tuple[dict[str, Tensor], Tensor, Tensor]: Losses and images of the last state, and
            which images went back: bool (n,).
        """
        with torch.no_grad():
            terms, images = self.evaluate(step)
            self.state.observe(terms['total'], self.variables, [])
            self.state.close(step)
            restored = ~(self.state.better if keep_best else self.state.moving)
            self.state.restore(self.variables, restored)
        return terms, images, restored
