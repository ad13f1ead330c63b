# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Targets: what style vectors lack to show a class, by linear discriminant analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from mmgen.registry import MODULES
from torch import Tensor

from ..models import BaseDetailGenerator
from .samples import edited_samples, sample_codes, score_samples
from .style_edit import StyleEdit
from .supervised import SupervisedFinder
from .targets import Target

__all__ = ['ClassModel', 'ClassTargets']

_HELD_OUT = 0.2
_RANK = 1e-6  # singular values below this share of the largest one are rounding


class ClassModel(NamedTuple):
    """What the labels of several attributes explain of style vectors, as a sum over attributes.

    Args:
        mean (Tensor): Mean style vector (D,).
        effects (dict[str, Tensor]): How the mean differs for each class of an attribute, the others
            being equal: (classes, D), zeros for a class without samples.
        vectors (dict[str, Tensor]): A basis of these effects, (r, D).
        readings (dict[str, Tensor]): Its dual basis, (r, D): the coordinates of a style vector in
            ``vectors``, least disturbed by what no label explains, and by the other attributes not
            at all. What disturbs them has unit variance.
    """

    mean: Tensor
    effects: dict[str, Tensor]
    vectors: dict[str, Tensor]
    readings: dict[str, Tensor]

    @classmethod
    def fit(cls, w: Tensor, labels: Mapping[str, Tensor]) -> ClassModel:
        """Fit it to style vectors (n, D) and class numbers (n,), in float64.

        Raises:
            ImportError: scikit-learn is missing.
        """
        try:
            from sklearn.covariance import ledoit_wolf
        except ImportError as e:
            raise ImportError(
                "ClassTargets needs scikit-learn: pip install 'mmgen_bdinvert[directions]'."
            ) from e
        w, mean = w.double(), w.double().mean(0)
        columns = {name: torch.nn.functional.one_hot(v).double() for name, v in labels.items()}
        shares = {name: column.mean(0) for name, column in columns.items()}
        design = torch.cat([columns[name] - shares[name] for name in columns], 1)
        # Effects of an attribute are known but for a constant: the solution of least norm is taken.
        solution = torch.linalg.lstsq(design, w - mean, driver='gelsd').solution
        rest = w - mean - design @ solution
        noise = torch.from_numpy(ledoit_wolf(rest.numpy(), assume_centered=True)[0])
        effects, vectors = {}, {}
        for name, part in zip(columns, solution.split([c.shape[1] for c in columns.values()])):
            part = (part - shares[name] @ part) * (shares[name] > 0)[:, None]
            effects[name] = part
            _, values, rows = torch.linalg.svd(part, full_matrices=False)
            count = min(int((shares[name] > 0).sum()) - 1, int((values > _RANK * values[0]).sum()))
            vectors[name] = values[:count, None] * rows[:count]  # [rD]
        basis = torch.cat(list(vectors.values()))  # [RD]
        weighted = torch.linalg.solve(noise, basis.T).T
        dual = torch.linalg.solve(weighted @ basis.T, weighted)
        readings = dict(zip(vectors, dual.split([len(rows) for rows in vectors.values()])))
        for name, rows in readings.items():  # a basis in which noise is the same in all directions
            scale = torch.linalg.cholesky(rows @ noise @ rows.T)
            readings[name] = torch.linalg.solve_triangular(scale, rows, upper=False)
            vectors[name] = scale.T @ vectors[name]
        return cls(mean, effects, vectors, readings)

    def goal(self, name: str, number: int) -> Tensor:
        """Return what ``readings`` of an attribute read at the mean of a class: (r,)."""
        return self.readings[name] @ (self.mean + self.effects[name][number])

    def classify(self, name: str, w: Tensor) -> Tensor:
        """Return the class number (n,) of each style vector (n, D) by its readings."""
        goals = torch.stack([self.goal(name, i) for i in range(len(self.effects[name]))])
        return torch.cdist(w.double() @ self.readings[name].T, goals).argmin(1)


@MODULES.register_module()
class ClassTargets(SupervisedFinder):
    """Targets that bring an attribute to one of its classes: a hair colour, a mouth, no beard.

    A style vector is taken as a mean, what each attribute of it adds, and noise, of which the
    covariance is estimated with the shrinkage of Ledoit and Wolf: linear discriminant analysis of
    all attributes together. So a target moves its own attribute as far as a face needs it, and
    leaves the readings of the others as they are.

    Args:
        targets (Mapping[str, Mapping]): For each target ``dict(of=…, value=…)``: its attribute, and
            the class, as the labeller's ``classes`` or the table call it.
        **kwargs: See :class:`SupervisedFinder`. Scores are class numbers, such as those of
            :class:`ClassLabels`. All attributes are kept apart, those without a target too; samples
            that lack a label are left out.

    Raises:
        ValueError: There is no target.
    """

    def __init__(self, targets: Mapping[str, Mapping], **kwargs):
        super().__init__(**kwargs)
        if not targets:
            raise ValueError('ClassTargets needs one target or more, but got none.')
        self.targets = {name: dict(target) for name, target in targets.items()}

    def fit(self, w: Tensor, scores: Mapping[str, Tensor]) -> list[Target]:
        known = torch.stack(list(scores.values())).isfinite().all(0)
        labels = {name: _class_numbers(values[known], name) for name, values in scores.items()}
        w, found = w[known], []
        numbers = {name: self._class(name, target, labels) for name, target in self.targets.items()}
        kept = len(w) - int(_HELD_OUT * len(w))
        tried = ClassModel.fit(w[:kept], {name: values[:kept] for name, values in labels.items()})
        model = ClassModel.fit(w, labels)
        for name, number in numbers.items():
            of = self.targets[name]['of']
            right = tried.classify(of, w[kept:]) == labels[of][kept:]
            notes = {'held_out_accuracy': f'{right.double().mean():.3f}'}
            goal = model.goal(of, number)
            found.append(Target(model.vectors[of], model.readings[of], goal, name, notes=notes))
        return found

    def effects(
        self,
        generator: BaseDetailGenerator,
        direction: StyleEdit,
        tried: Tensor,
        scores: Mapping[str, Tensor],
    ) -> dict[str, str]:
        """Say how many of some samples (n, D) show the class after the edit, and keep the rest."""
        target = self.targets[direction.name]
        labels = {name: _class_numbers(values, name) for name, values in scores.items()}
        number = self._class(direction.name, target, labels)
        before = score_samples(generator, sample_codes(generator, tried), self.labeller)
        codes = edited_samples(generator, direction, tried, 1.0)
        after = score_samples(generator, codes, self.labeller)
        others = [name for name in before if name != target['of']]
        notes = {'reached': f'{(after[target["of"]] == number).double().mean():.2f}'}
        if others:
            same = torch.stack([before[name] == after[name] for name in others])
            notes['others_kept'] = f'{same.double().mean():.2f}'
        return notes

    def _class(self, name: str, target: Mapping, labels: Mapping[str, Tensor]) -> int:
        """Return the number of a target's class; a ValueError if no sample shows it."""
        of, value = target.get('of'), target.get('value')
        if of not in labels:
            raise ValueError(
                f'The target {name!r} must be of one of the attributes {", ".join(labels)}, but '
                f'got {of!r}.'
            )
        present = labels[of].unique().tolist()
        names = getattr(self.labeller, 'classes', {}).get(of)
        classes: Sequence = present if names is None else [names[i] for i in present]
        if value not in classes or len(present) < 2:
            raise ValueError(
                f'The target {name!r} needs samples of {of} = {value!r} and of another class, but '
                f'those that there are show {", ".join(map(str, classes)) or "none"}.'
            )
        return present[list(classes).index(value)]


def _class_numbers(values: Tensor, name: str) -> Tensor:
    """Return class numbers (n,) as integers."""
    numbers = values.long()
    if (numbers != values).any() or (numbers < 0).any() or (numbers > 999).any():
        raise ValueError(
            f'The labels of {name!r} must be class numbers, 0, 1 and so on, but got others: give '
            f'those of a classifier (ClassLabels), or use another finder.'
        )
    return numbers
