# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Numerical inversion of a smooth map of points."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .base import FAR

__all__ = ['invert_flow']

_TOLERANCE = 1e-9
_STEPS, _HALVINGS = 50, 12
_GRID = 33  # nodes along each side of the view at which folds are looked for
_CHUNK = 4096  # points whose distances to all nodes are held at once


def _jacobian(flow: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """Return the (..., 2, 2) derivative of a map that treats every point on its own."""
    with torch.enable_grad():
        points = points.detach().requires_grad_()
        value = flow(points)
        rows = [
            torch.autograd.grad(value[..., i].sum(), points, retain_graph=True)[0] for i in (0, 1)
        ]
    return torch.stack(rows, dim=-2)


def _determinant(jacobian: Tensor) -> Tensor:
    return jacobian[..., 0, 0] * jacobian[..., 1, 1] - jacobian[..., 0, 1] * jacobian[..., 1, 0]


def _solve(jacobian: Tensor, residual: Tensor) -> Tensor:
    """Solve 2x2 systems; a singular one gives a large step, which the line search shortens."""
    determinant = _determinant(jacobian)
    tiny = determinant.abs() < 1e-12
    determinant = torch.where(tiny, torch.full_like(determinant, 1e-12), determinant)
    (a, b), (c, d) = (row.unbind(-1) for row in jacobian.unbind(-2))
    x, y = residual.unbind(-1)
    return torch.stack([d * x - b * y, a * y - c * x], dim=-1) / determinant[..., None]


def _refuse_fold(name: str, points: Tensor, determinant: Tensor, sign: float) -> None:
    """Raise an error that names where in the view a map turns over, if it does."""
    inside = (points.abs() <= 1).all(-1)
    worst = (determinant * sign).masked_fill(~inside, float('inf'))
    if len(worst) and worst.min() <= 1e-9:
        x, y = points[worst.argmin()].tolist()
        raise ValueError(
            f'the motion ({name}) cannot be undone: it folds over itself near ({x:.2f}, {y:.2f}); '
            'move its points less, or raise its regularisation'
        )


def _search(flow: Callable[[Tensor], Tensor], targets: Tensor, start: Tensor) -> Tensor:
    """Return solutions of ``flow(x) = target`` by damped Newton steps, (k, 2)."""
    x, residual = start.clone(), flow(start) - targets
    for _ in range(_STEPS):
        left = residual.norm(dim=-1) > _TOLERANCE
        if not left.any():
            break
        here, error = x[left], residual[left]
        step = _solve(_jacobian(flow, here), error)
        size = torch.ones_like(error[:, :1])
        for _ in range(_HALVINGS):
            there = here - size * step
            new = flow(there) - targets[left]
            worse = new.norm(dim=-1, keepdim=True) >= error.norm(dim=-1, keepdim=True)
            if not worse.any():
                break
            size = torch.where(worse, size / 2, size)
        x[left], residual[left] = there, new
    x[residual.norm(dim=-1) > 10 * _TOLERANCE] = FAR
    return x


def invert_flow(flow: Callable[[Tensor], Tensor], points: Tensor, *, name: str) -> Tensor:
    """Solve ``flow(x) = points`` for x.

    The map takes points (..., 2), each on its own, and is called ``name`` in messages. The search
    starts at the nearest of a grid of nodes in the view, and takes damped Newton steps; one more
    step gives first-order gradients of ``points`` and the parameters of ``flow``.

    Returns:
        Tensor: (..., 2) float64; ``FAR`` where there is no solution.

    Raises:
        ValueError: If the map folds over itself somewhere in the view, [-1, 1].
    """
    targets = points.detach().reshape(-1, 2)
    with torch.no_grad():
        ramp = torch.linspace(-1, 1, _GRID, dtype=torch.float64)
        y, x = torch.meshgrid(ramp, ramp, indexing='ij')
        nodes = torch.stack([x, y], dim=-1).view(-1, 2)
        determinant = _determinant(_jacobian(flow, nodes))
        sign = determinant.sum().sign().item()
        _refuse_fold(name, nodes, determinant, sign)
        values, found = flow(nodes), []
        for part in targets.split(_CHUNK):
            start = nodes[torch.cdist(part, values).argmin(1)]
            found.append(_search(flow, part, start))
        solution = torch.cat(found) if found else targets
        slope = _jacobian(flow, solution)
        solved = (solution.abs() < FAR).all(-1)
        _refuse_fold(name, solution[solved], _determinant(slope)[solved], sign)
    safe = torch.where(solved[:, None], solution, torch.zeros_like(solution))
    residual = flow(safe) - points.reshape(-1, 2)
    solution = torch.where(solved[:, None], safe - _solve(slope, residual), solution)
    return solution.view(points.shape)
