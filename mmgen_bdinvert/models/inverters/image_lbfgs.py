# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""L-BFGS of a batch of independent images."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from mmgen.registry import OPTIMIZERS
from torch import Tensor

from ...utils.numbers import checked_number

__all__ = ['ImageLBFGS', 'newton_direction']

_DECREASE = 1e-4  # least share of the expected decrease for a step to be accepted (Armijo)
_SHRINK = 0.4  # factor of a step that was not accepted
_DECAY = 0.95  # of the mean squared gradient
_FLOOR = 1e-6  # of the mean squared gradient, relative to its largest value


def newton_direction(
    gradient: Tensor,
    steps: list[Tensor],
    changes: list[Tensor],
    inverse: list[Tensor],
    scale: Tensor,
) -> Tensor:
    """Return the quasi-Newton direction of each image (Nocedal and Wright, algorithm 7.4).

    Args:
        gradient (Tensor): Gradients g of shape (n, D).
        steps (list[Tensor]): Past steps s (n, D), the oldest first; zero where an image made none.
        changes (list[Tensor]): Changes y (n, D) of the gradient, with s · y > 0 elsewhere.
        inverse (list[Tensor]): ``1 / (s · y)`` of shape (n, 1); zero where a pair is not used.
        scale (Tensor): First estimate of the inverse curvature, above 0: (n, D) or (n, 1).

    Returns:
        Tensor: Directions ``-H g`` of descent, of shape (n, D).
    """
    direction, shares = -gradient, []
    product = torch.empty_like(gradient)  # reused: writing to new memory takes twice as long
    for s, y, rho in zip(reversed(steps), reversed(changes), reversed(inverse)):
        shares.append(rho * _dot(s, direction, product))
        direction.addcmul_(shares[-1], y, value=-1)
    direction *= scale
    for s, y, rho, share in zip(steps, changes, inverse, reversed(shares)):
        direction.addcmul_(share - rho * _dot(y, direction, product), s)
    return direction


class _Memory:
    """Points, gradients and curvature of each image so far."""

    def __init__(self, point: Tensor, loss: Tensor, history: int):
        self.history = history
        # The oldest first. On a GPU all exist from the start, and are written in place, so that a
        # CUDA graph can repeat a step.
        count = history if point.is_cuda else 0
        self.steps = [torch.zeros_like(point) for _ in range(count)]  # [ND]
        self.changes = [torch.zeros_like(point) for _ in range(count)]
        self.inverse = [torch.zeros_like(loss) for _ in range(count)]  # [N1]
        self.known = torch.zeros_like(loss, dtype=torch.bool)  # whether there is a previous point
        self.point, self.gradient = torch.zeros_like(point), torch.zeros_like(point)
        self.direction, self.square = torch.zeros_like(point), torch.zeros_like(point)
        self.loss, self.length, self.scale = (torch.ones_like(loss) for _ in range(3))

    def learn(self, *pair: Tensor) -> None:
        """Replace the oldest step, change and inverse of their product by new ones."""
        for past, new in zip((self.steps, self.changes, self.inverse), pair):
            if new.is_cuda:
                for older, newer in zip(past, [*past[1:], new]):
                    older.copy_(newer)
            else:
                past.append(new)
                del past[: -self.history]


@OPTIMIZERS.register_module()
class ImageLBFGS(torch.optim.Optimizer):
    """L-BFGS with one evaluation per step, and a memory and a step length for each image.

    The first estimate of the inverse curvature, which the memory corrects, is Adam's: one over the
    root mean square of each coordinate's gradient. A step that does not lower the loss enough
    (Armijo's condition) is repeated, shorter, from where it began; so the last state need not be
    the best one. Nothing here waits for a GPU.

    Args:
        params (Iterable[Tensor]): Variables, each with the batch first; one group.
        lr (float): Root mean square of the first step. Defaults to 0.01.
        history (int): Past steps that the curvature is estimated from. Defaults to 10.
    """

    capturable = True  # a CUDA graph can repeat its steps

    def __init__(self, params: Iterable[Tensor], lr: float = 0.01, history: int = 10):
        lr = checked_number('lr', lr, above=0)
        history = checked_number('history', history, least=1, whole=True)
        super().__init__(params, dict(lr=lr, history=history))
        if len(self.param_groups) > 1:
            raise ValueError(f'ImageLBFGS takes one group, but got {len(self.param_groups)}.')
        self._memory: _Memory | None = None

    @torch.no_grad()
    def step(self, losses: Tensor, rates: Tensor) -> None:
        """Move the variables, given losses (n,), whose gradients they hold, and factors of lr."""
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
        pair = torch.where(learned, step, 0), torch.where(learned, change, 0)
        m.learn(*pair, torch.where(learned, 1 / curvature, 0))
        square = gradient.square()
        square = torch.where(m.known, torch.lerp(m.square, square, 1 - _DECAY), square)
        m.square.copy_(torch.where(accepted, square, m.square))
        floor = _FLOOR * m.square.amax(1, keepdim=True)
        inverse_root = (m.square + floor).clamp(min=1e-38).rsqrt()  # [ND]
        length = (inverse_root * gradient).square().mean(1, keepdim=True).sqrt().clamp(min=1e-30)
        first = group['lr'] * rates[:, None] / length
        scale = torch.where(learned, curvature / _dot(change, inverse_root * change), m.scale)
        m.scale.copy_(torch.where(m.known, scale, first))
        m.point.copy_(torch.where(accepted, point, m.point))
        m.gradient.copy_(torch.where(accepted, gradient, m.gradient))
        m.loss.copy_(torch.where(accepted, loss, m.loss))
        m.length.copy_(torch.where(accepted, 1, _SHRINK * m.length))
        m.known.fill_(True)
        m.direction.copy_(
            newton_direction(m.gradient, m.steps, m.changes, m.inverse, m.scale * inverse_root)
        )
        target, offset = m.point + m.length * m.direction, 0
        for p in group['params']:
            count = p[0].numel()
            p.copy_(target[:, offset : offset + count].view(p.shape))
            offset += count

    @torch.no_grad()
    def forget(self, which: Tensor) -> None:
        """Restart some images (bool, (n,)) from the variables as they are."""
        if self._memory is not None:
            memory = self._memory
            memory.known &= ~which[:, None]
            for value in memory.inverse:  # pairs with zero are not used
                value.masked_fill_(which[:, None], 0)

    @staticmethod
    def _flat(values: list[Tensor]) -> Tensor:
        return torch.cat([value.flatten(1) for value in values], 1)  # [ND]


def _dot(a: Tensor, b: Tensor, product: Tensor | None = None) -> Tensor:
    return torch.mul(a, b, out=product).sum(1, keepdim=True)  # [N1]
