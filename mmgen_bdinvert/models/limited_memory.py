# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""L-BFGS of a batch whose images have nothing to do with each other."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from mmgen.registry import OPTIMIZERS
from torch import Tensor

__all__ = ['ImageLBFGS', 'newton_direction']

_DECREASE = 1e-4  # share of the expected decrease that a step must bring (Armijo)
_SHRINK = 0.4  # what is left of a step that did not


def newton_direction(
    gradient: Tensor, steps: list[Tensor], changes: list[Tensor], scale: Tensor
) -> Tensor:
    """Return the quasi-Newton direction of each image (Nocedal and Wright, algorithm 7.4).

    Args:
        gradient (Tensor): Gradients g of shape (n, D).
        steps (list[Tensor]): Past steps s (n, D), the oldest first; zero where an image made none.
        changes (list[Tensor]): What the gradient changed by, y (n, D), with s · y > 0 elsewhere.
        scale (Tensor): First guess of the inverse curvature, above 0: (n, 1).

    Returns:
        Tensor: Directions ``-H g`` of descent, of shape (n, D).
    """
    inverse = [torch.where(sy > 0, 1 / sy, 0) for sy in map(_dot, steps, changes)]
    direction, shares = -gradient, []
    for s, y, rho in zip(reversed(steps), reversed(changes), reversed(inverse)):
        shares.append(rho * _dot(s, direction))
        direction = direction - shares[-1] * y
    direction = scale * direction
    for s, y, rho, share in zip(steps, changes, inverse, reversed(shares)):
        direction = direction + (share - rho * _dot(y, direction)) * s
    return direction


class _Memory:
    """What is known of each image; written to in place, so that a CUDA graph can repeat a step."""

    def __init__(self, point: Tensor, loss: Tensor, history: int):
        self.steps = point.new_zeros(history, *point.shape)  # [HND], the oldest first
        self.changes = torch.zeros_like(self.steps)
        self.known = torch.zeros_like(loss, dtype=torch.bool)  # has a state to go on from
        self.point, self.gradient = torch.zeros_like(point), torch.zeros_like(point)
        self.direction = torch.zeros_like(point)
        self.loss, self.length, self.scale = (torch.ones_like(loss) for _ in range(3))

    def learn(self, step: Tensor, change: Tensor) -> None:
        """Put a pair in the place of the oldest one."""
        for past, new in ((self.steps, step), (self.changes, change)):
            past.copy_(torch.cat([past[1:], new[None]]))


@OPTIMIZERS.register_module()
class ImageLBFGS(torch.optim.Optimizer):
    """L-BFGS that evaluates once a step, with a memory and a step length for each image.

    A step that does not lower the loss enough (Armijo's condition) is tried again, shorter, from
    where it began; so the last state need not be the best one. Nothing here waits for a GPU.

    Args:
        params (Iterable[Tensor]): Variables, each with the batch first; one group.
        lr (float): Root mean square of the very first step. Defaults to 0.01.
        history (int): Steps that the curvature is known from. Defaults to 10.
    """

    def __init__(self, params: Iterable[Tensor], lr: float = 0.01, history: int = 10):
        if lr <= 0 or history < 1:
            raise ValueError(
                f'lr is above 0 and history 1 or more, but got lr={lr} and history={history}.'
            )
        super().__init__(params, dict(lr=lr, history=history))
        if len(self.param_groups) > 1:
            raise ValueError(f'ImageLBFGS takes one group, but got {len(self.param_groups)}.')
        self._memory: _Memory | None = None

    @torch.no_grad()
    def step(self, losses: Tensor, rates: Tensor) -> None:
        """Move the variables.

        Args:
            losses (Tensor): Losses of the images (n,), whose gradients the variables hold.
            rates (Tensor): Factors of ``lr`` of the images (n,).
        """
        (group,) = self.param_groups
        point = self._flat(group['params'])
        gradient = self._flat([p.grad for p in group['params']])
        loss = losses[:, None]
        if self._memory is None:
            self._memory = _Memory(point, loss, group['history'])
        m = self._memory
        expected = m.length * _dot(m.gradient, m.direction)
        accepted = ~m.known | (loss <= m.loss + _DECREASE * expected)
        step, change = point - m.point, gradient - m.gradient
        curvature, size = _dot(step, change), _dot(change, change)
        learned = m.known & accepted & (curvature > 1e-10 * size)
        m.learn(torch.where(learned, step, 0), torch.where(learned, change, 0))
        slope = _dot(gradient, gradient).div(gradient.shape[1]).clamp(min=1e-30).sqrt()
        first = group['lr'] * rates[:, None] / slope
        scale = torch.where(learned, curvature / size, m.scale)
        m.scale.copy_(torch.where(m.known, scale, first))
        m.point.copy_(torch.where(accepted, point, m.point))
        m.gradient.copy_(torch.where(accepted, gradient, m.gradient))
        m.loss.copy_(torch.where(accepted, loss, m.loss))
        m.length.copy_(torch.where(accepted, 1, _SHRINK * m.length))
        m.known.fill_(True)
        m.direction.copy_(newton_direction(m.gradient, list(m.steps), list(m.changes), m.scale))
        target, offset = m.point + m.length * m.direction, 0
        for p in group['params']:
            count = p[0].numel()
            p.copy_(target[:, offset : offset + count].view(p.shape))
            offset += count

    @torch.no_grad()
    def forget(self, which: Tensor) -> None:
        """Let some images (bool, (n,)) begin anew from the state they are given."""
        if self._memory is not None:
            self._memory.known &= ~which[:, None]
            self._memory.steps.masked_fill_(which[:, None], 0)
            self._memory.changes.masked_fill_(which[:, None], 0)

    @staticmethod
    def _flat(values: list[Tensor]) -> Tensor:
        return torch.cat([value.flatten(1) for value in values], 1)  # [ND]


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(1, keepdim=True)  # [N1]
