# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The state of each image of a batch during an optimisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from mmengine.logging import print_log
from torch import Tensor

__all__ = ['ImageState', 'per_image']


class ImageState:
    """Which images of a batch are still optimised, and the best state of each.

    A step with a non-finite loss or gradient sets its image back to its best state; one setback too
    many stops it there, and an image without any finite step is stopped at the end. Nothing here
    waits for a GPU, and all tensors are written in place, so that a CUDA graph can repeat it.
    """

    def __init__(self, variables: Mapping[str, Tensor], max_setbacks: int):
        self._max_setbacks = max_setbacks
        self._best = {name: value.detach().clone() for name, value in variables.items()}
        some = next(iter(self._best.values()))
        self._best_total = some.new_full((len(some),), float('inf'))
        self._steps = torch.zeros((), dtype=torch.long, device=some.device)
        self.stopped_at = torch.full((len(some),), -1, device=some.device)  # -1: not stopped
        self.best_at = torch.zeros_like(self.stopped_at)
        self.setbacks = torch.zeros_like(self.stopped_at)
        self.broken = self.stopped_at >= 0  # whether the last step was not finite
        self.better = torch.zeros_like(self.broken)  # whether the last state was the best so far

    @property
    def alive(self) -> Tensor:
        """Tensor: Whether an image is still optimised: bool (n,)."""
        return self.stopped_at < 0

    @property
    def moving(self) -> Tensor:
        """Tensor: Whether an image takes the last observed step: bool (n,)."""
        return self.alive & ~self.broken

    def observe(
        self, total: Tensor, variables: Mapping[str, Tensor], gradients: Sequence[Tensor]
    ) -> None:
        """Record a step, before its variables change: losses (n,), variables and gradients."""
        finite = torch.isfinite(total)
        for gradient in gradients:
            finite &= torch.isfinite(gradient).flatten(1).all(1)
        self.broken.copy_(self.alive & ~finite)
        self.setbacks += self.broken
        stops = self.broken & (self.setbacks > self._max_setbacks)
        self.stopped_at.copy_(torch.where(stops, self._steps, self.stopped_at))
        self.better.copy_(self.moving & (total < self._best_total))
        self._best_total.copy_(torch.where(self.better, total, self._best_total))
        self.best_at.copy_(torch.where(self.better, self._steps, self.best_at))
        for name, value in variables.items():
            best = self._best[name]
            best.copy_(torch.where(per_image(self.better, value), value, best))
        self._steps += 1

    def close(self, num_steps: int) -> None:
        """Stop the images that had no finite step, after the last state was observed."""
        setbacks = self.setbacks - self.broken.long()  # without that of the last state
        hopeless = self._best_total.isinf() | (setbacks >= max(1, num_steps))
        self.stopped_at.copy_(torch.where(self.alive & hopeless, num_steps, self.stopped_at))

    def log_stopped(self) -> None:
        """Name the images that were stopped in the log."""
        for index in torch.nonzero(~self.alive).flatten().tolist():
            text = f'Image {index} of the batch was stopped at step {int(self.stopped_at[index])}: '
            text += f'its loss was non-finite {int(self.setbacks[index])} times; its best state is '
            print_log(f'{text}kept.', 'current', level=30)

    def restore(self, variables: Mapping[str, Tensor], which: Tensor) -> None:
        """Set some images (bool, (n,)) back to their best state, in place."""
        for name, value in variables.items():
            value.copy_(torch.where(per_image(which, value), self._best[name], value))


def per_image(mask: Tensor, value: Tensor) -> Tensor:
    """Shape a mask (n,) so that it selects images of ``value`` (n, …)."""
    return mask.view(-1, *[1] * (value.ndim - 1))
