# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Directions of a measurement that takes any value, such as a colour."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from mmgen.registry import MODULES
from torch import Tensor

from .directions import Direction
from .samples import in_deviations
from .supervised import SupervisedFinder, labelled_places

__all__ = ['Regression', 'fit_direction']


def fit_direction(w: Tensor, scores: Tensor, *, held_out: float = 0.2) -> tuple[Tensor, float]:
    """Find how style vectors change, on average, when a score rises by one standard deviation.

    The direction is the covariance of w and score over the score's deviation, so it stays in the
    latent distribution.

    Args:
        w (Tensor): Style vectors (n, D).
        scores (Tensor): Score of each image, (n,).
        held_out (float): Share of the samples, the last ones, that is held out. Defaults to 0.2.

    Returns:
        tuple[Tensor, float]: Direction (D,), and R² on the held-out samples of the linear
        regression of the score on w (1: the score is linear in w; 0: no better than its mean).

    Raises:
        ValueError: If the shapes do not fit, or the scores do not vary.
    """
    if w.ndim != 2 or scores.shape != w.shape[:1]:
        raise ValueError(
            f'fit_direction takes w (n, D) and scores (n,), but got {tuple(w.shape)} and '
            f'{tuple(scores.shape)}.'
        )
    w, scores = w.double(), scores.double()
    split = len(w) - int(held_out * len(w))
    mean, centre, spread = w[:split].mean(0), scores[:split].mean(), scores[:split].std()
    if not spread > 0:
        raise ValueError('fit_direction needs scores that vary, but all of them are equal.')
    x, y = w - mean, (scores - centre) / spread
    covariance = x[:split].T @ x[:split] / split
    direction = x[:split].T @ y[:split] / split
    ridge = 1e-4 * covariance.diagonal().mean() * torch.eye(w.shape[1], dtype=w.dtype)
    weights = torch.linalg.solve(covariance + ridge, direction)
    residual = (y[split:] - x[split:] @ weights).square().sum()
    r2 = 1 - residual / (y[split:] - y[split:].mean()).square().sum()
    return direction.float(), float(r2)


@MODULES.register_module()
class Regression(SupervisedFinder):
    """Directions along which style vectors change, on average, when a score rises.

    Takes the arguments of :class:`SupervisedFinder`.
    """

    def fit(self, w: Tensor, scores: Mapping[str, Tensor]) -> list[Direction]:
        found = []
        for name, values in scores.items():
            places = labelled_places(values, name)
            vector, r2 = fit_direction(w[places], values[places])
            notes = {'held_out_r2': f'{r2:.3f}'}
            found.append(Direction(in_deviations(vector, w), name, notes=notes))
        return found
