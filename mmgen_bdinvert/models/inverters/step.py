# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A step of an inversion, and its repetition by a CUDA graph."""

from __future__ import annotations

from collections.abc import Callable

import torch
from mmengine.logging import print_log
from torch import Tensor

from .image_optimizer import ImageOptimizer
from .image_state import ImageProgress

__all__ = ['CudaGraphStep', 'InversionStep']

# (step) -> weighted losses by name, with their sum 'total', (n,) each, and images (n, 3, H, W)
Evaluate = Callable[[int], 'tuple[dict[str, Tensor], Tensor]']

_WARM_UP = 3  # ordinary steps before a capture: libraries choose algorithms, optimisers make states


class InversionStep:
    """Evaluates variables, notes what became of each image, and moves the variables in place.

    Args:
        evaluate (Callable): Renders the variables in their present state and compares.
        variables (dict[str, Tensor]): All variables by name, with the batch first.
        optimised (list[Tensor]): Those that are optimised.
        optimizer (ImageOptimizer): Optimises them.
        progress (ImageProgress): Notes what becomes of them.
        constrain (Callable): Brings the variables to where they may be, in place.
    """

    def __init__(
        self,
        evaluate: Evaluate,
        variables: dict[str, Tensor],
        optimised: list[Tensor],
        optimizer: ImageOptimizer,
        progress: ImageProgress,
        constrain: Callable[[dict[str, Tensor]], object],
    ):
        self.evaluate, self.variables, self.optimised = evaluate, variables, optimised
        self.optimizer, self.progress, self.constrain = optimizer, progress, constrain

    def __call__(self, step: int) -> tuple[dict[str, Tensor], Tensor]:
        """Do a step; returns losses and images of the state before it, as ``evaluate`` does."""
        self.optimizer.zero_grad()
        terms, images = self.evaluate(step)
        terms['total'].sum().backward()
        with torch.no_grad():
            terms = {name: value.detach() for name, value in terms.items()}
            gradients = [v.grad for v in self.optimised]
            self.progress.observe(terms['total'], self.variables, gradients)
            self.optimizer.step(self.progress.moving, terms['total'])
            self.optimizer.set_back(self.progress.broken)
            self.constrain(self.variables)
            self.progress.restore(self.variables, ~self.progress.moving)
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
            self.progress.observe(terms['total'], self.variables, [])
            self.progress.close(step)
            restored = ~(self.progress.better if keep_best else self.progress.moving)
            self.progress.restore(self.variables, restored)
        return terms, images, restored


class CudaGraphStep:
    """Repeats a step as one CUDA graph, after three ordinary steps that it captures.

    A graph launches all kernels of a step at once, so the host is out of the way. Where a step
    cannot be captured, for instance as one of its losses waits for the GPU, a warning says so, and
    it is done as it is.

    Args:
        step (InversionStep): The same operations on the same tensors whatever its number; all of
            them on a GPU.
    """

    def __init__(self, step: InversionStep):
        self._step, self._stream = step, torch.cuda.Stream()
        self._graph: torch.cuda.CUDAGraph | None = None
        self._found: tuple[dict[str, Tensor], Tensor] | None = None
        self._capturable = True

    def __call__(self, step: int) -> tuple[dict[str, Tensor], Tensor]:
        """Do a step, see :class:`InversionStep`; the next one overwrites what this one returns."""
        if step < _WARM_UP or not self._capturable:
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                found = self._step(step)
            torch.cuda.current_stream().wait_stream(self._stream)
            return found
        if self._found is None:
            self._capture(step)
            return self(step)
        self._graph.replay()
        return self._found

    def _capture(self, step: int) -> None:
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self._stream):
                found = self._step(step)
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:
            self._capturable = False
            reason = str(error).strip().partition('\n')[0]
            text = f'A step cannot be captured in a CUDA graph, and runs slower without: {reason}'
            print_log(text, 'current', level=30)
            return
        self._graph, self._found = graph, found
