# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Targets: what style vectors lack to show a class, by linear discriminant analysis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from mmgen.registry import MODULES
from torch import Tensor

from ..models import BaseDetailGenerator
from .samples import edited_samples, sample_codes, score_samples
from .style_edit import StyleEdit
from .supervised import SupervisedFinder, needs_scikit_learn
from .targets import Target

__all__ = ['ClassModel', 'ClassTargets']

_HELD_OUT = 0.2
_LEAST = 4  # samples of the class of a target, and of all others
_RANK = 1e-6  # singular values below this share of the largest one are rounding
_MOST_CLASSES = 1000
Labels = Mapping[str, Tensor]


class ClassModel(NamedTuple):
    """What the labels of several attributes explain of style vectors, as a sum over attributes.

    Args:
        goals (dict[str, Tensor]): What is read at the mean of each class of an attribute that
            samples show, the others being as they are on average: (classes, r).
        numbers (dict[str, list[int]]): The numbers of these classes.
        vectors (dict[str, Tensor]): A basis of what the classes of an attribute add, (r, D).
        readings (dict[str, Tensor]): Its dual basis, (r, D): the coordinates of a style vector in
            ``vectors``, least disturbed by what no label explains, and by the other attributes not
            at all. What disturbs them has unit variance.
    """

    goals: dict[str, Tensor]
    numbers: dict[str, list[int]]
    vectors: dict[str, Tensor]
    readings: dict[str, Tensor]

    @classmethod
    def fit(cls, w: Tensor, labels: Labels) -> ClassModel:
        """Fit it to style vectors (n, D) and class numbers (n,), in float64.

        Raises:
            ImportError: scikit-learn is missing.
            ValueError: There are too few samples, or the attributes depend on each other.
        """
        with needs_scikit_learn('ClassTargets'):
            from sklearn.covariance import ledoit_wolf
        w, mean = w.double(), w.double().mean(0)
        numbers, columns = {}, {}
        for name, values in labels.items():
            present, places = values.unique(return_inverse=True)
            numbers[name] = present.tolist()
            columns[name] = torch.nn.functional.one_hot(places, len(present)).double()
        shares = {name: column.mean(0) for name, column in columns.items()}
        design = torch.cat([columns[name] - shares[name] for name in columns], 1)
        free = design.shape[1] - len(columns)
        if len(w) <= free:
            raise ValueError(
                f'{len(w)} samples with all labels do not suffice for {design.shape[1]} classes of '
                f'{len(columns)} attributes: label more, or fewer attributes.'
            )
        if torch.linalg.matrix_rank(design) < free:
            raise ValueError(
                f'The labels of some of {", ".join(columns)} follow from those of others: leave '
                f'one of these attributes out.'
            )
        # Effects of an attribute are known but for a constant: the solution of least norm is taken.
        solution = torch.linalg.lstsq(design, w - mean, driver='gelsd').solution
        rest = w - mean - design @ solution
        noise = torch.from_numpy(ledoit_wolf(rest.numpy(), assume_centered=True)[0])
        effects, vectors = {}, {}
        for name, part in zip(columns, solution.split([c.shape[1] for c in columns.values()])):
            effects[name] = part - shares[name] @ part
            _, values, rows = torch.linalg.svd(effects[name], full_matrices=False)
            count = min(len(part) - 1, int((values > _RANK * values[0]).sum()))
            vectors[name] = values[:count, None] * rows[:count]  # [rD]
        basis = torch.cat(list(vectors.values()))  # [RD]
        if len(basis) > w.shape[1]:
            raise ValueError(
                f'Style vectors of {w.shape[1]} values cannot keep {len(basis)} differences of '
                f'classes apart: label fewer classes.'
            )
        weighted = torch.linalg.solve(noise, basis.T).T
        dual = torch.linalg.solve(weighted @ basis.T, weighted)
        readings = dict(zip(vectors, dual.split([len(rows) for rows in vectors.values()])))
        goals = {}
        for name, rows in readings.items():  # a basis in which noise is the same in all directions
            scale = torch.linalg.cholesky(rows @ noise @ rows.T)
            readings[name] = torch.linalg.solve_triangular(scale, rows, upper=False)
            vectors[name] = scale.T @ vectors[name]
            goals[name] = (mean + effects[name]) @ readings[name].T
        return cls(goals, numbers, vectors, readings)

    def goal(self, name: str, number: int) -> Tensor:
        """Return what ``readings`` of an attribute read at the mean of a class: (r,)."""
        return self.goals[name][self.numbers[name].index(number)]

    def classify(self, name: str, w: Tensor) -> Tensor:
        """Return the class number (n,) of each style vector (n, D) by its readings."""
        nearest = torch.cdist(w.double() @ self.readings[name].T, self.goals[name]).argmin(1)
        return torch.tensor(self.numbers[name])[nearest]


@MODULES.register_module()
class ClassTargets(SupervisedFinder):
    """Targets that bring an attribute to one of its classes: a hair colour, a mouth, no beard.

    A style vector is taken as a mean, what each attribute of it adds, and noise, of which the
    covariance is estimated with the shrinkage of Ledoit and Wolf: linear discriminant analysis of
    all attributes together. So a target moves its own attribute as far as a face needs it, and
    leaves the readings of the others as they are.

    The notes are ``held_out_accuracy``, the share of a fifth of the samples of which the class of
    the attribute is read right; with a labeller also ``reached``, the share of other samples that
    show the class after the edit (surely, where the labeller asks for that), and ``others_kept``,
    the share of their other classes that stay.

    Args:
        targets (Mapping[str, Mapping]): For each target ``dict(of=…, value=…)``: its attribute, and
            the class, as the labeller's ``classes`` or the table call it.
        **kwargs: See :class:`SupervisedFinder`. Scores are class numbers, such as those of
            :class:`ClassLabels`. All attributes are kept apart, those without a target too, so none
            may follow from the others; samples that lack a label are left out.

    Raises:
        ValueError: There is no target, or one is not of this form or names what the labeller does
            not have.
    """

    def __init__(self, targets: Mapping[str, Mapping] | None = None, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(targets, Mapping) or not targets:
            raise ValueError(
                f'ClassTargets needs targets, as dict(NAME=dict(of=ATTRIBUTE, value=CLASS)), but '
                f'got {targets!r}.'
            )
        for name, target in targets.items():
            if not isinstance(target, Mapping) or set(target) != {'of', 'value'}:
                raise ValueError(
                    f'The target {name!r} must be dict(of=ATTRIBUTE, value=CLASS), but got '
                    f'{target!r}.'
                )
        self.targets = targets
        self._names: Mapping[str, Sequence] = getattr(self.labeller, 'classes', {})
        if self._names:
            self._check(self._names)

    def fit(self, w: Tensor, scores: Mapping[str, Tensor]) -> list[Target]:
        known = torch.stack(list(scores.values())).isfinite().all(0)
        labels = {name: _class_numbers(values[known], name) for name, values in scores.items()}
        w, found = w[known], []
        self._check_shown(labels)
        model = ClassModel.fit(w, labels)
        order = torch.randperm(len(w), generator=torch.Generator().manual_seed(0))
        count = max(1, int(_HELD_OUT * len(w)))
        held, kept = order[:count], order[count:]
        tried = ClassModel.fit(w[kept], {name: values[kept] for name, values in labels.items()})
        for name, target in self.targets.items():
            of = target['of']
            right = tried.classify(of, w[held]) == labels[of][held]
            notes = {'held_out_accuracy': f'{right.double().mean():.3f}'}
            if not known.all():
                notes['labelled'] = str(len(w))
            goal = model.goal(of, self._number(target))
            found.append(Target(model.vectors[of], model.readings[of], goal, name, notes=notes))
        return found

    def effects(
        self,
        generator: BaseDetailGenerator,
        edits: Sequence[StyleEdit],
        tried: Tensor,
        scores: Mapping[str, Tensor],
    ) -> list[dict[str, str]]:
        before = score_samples(generator, sample_codes(generator, tried), self.labeller)
        notes = []
        for edit in edits:
            target = self.targets[edit.name]
            codes = edited_samples(generator, edit, tried, 1.0)
            after = score_samples(generator, codes, self.labeller)
            shows = after[target['of']] == self._number(target)
            notes.append({'reached': f'{shows.double().mean():.2f}'})
            others = [name for name in before if name != target['of']]
            if others:
                old, new = (torch.cat([read[name] for name in others]) for read in (before, after))
                same = (old == new)[old.isfinite() & new.isfinite()]
                notes[-1]['others_kept'] = f'{same.double().mean():.2f}'
        return notes

    def _number(self, target: Mapping) -> int:
        """Return the number of a target's class."""
        of, value = target['of'], target['value']
        return self._names[of].index(value) if of in self._names else value

    def _check(self, known: Mapping[str, Sequence]) -> None:
        """Check that there are the classes of all targets; ``known`` are classes by attribute."""
        for name, target in self.targets.items():
            of, value = target['of'], target['value']
            if of not in known:
                raise ValueError(
                    f'The target {name!r} must be of one of the attributes {", ".join(known)}, but '
                    f'got {of!r}.'
                )
            if value not in known[of]:
                raise ValueError(
                    f'The target {name!r} is {of} = {value!r}, but the classes that there are of '
                    f'{of} are {", ".join(map(str, known[of])) or "none"}.'
                )

    def _check_shown(self, labels: Labels) -> None:
        """Check that enough samples show the class of each target, and others."""
        shown: dict[str, Sequence] = {}
        for of, values in labels.items():
            numbers, names = values.unique().tolist(), self._names.get(of)
            shown[of] = numbers if names is None else [names[number] for number in numbers]
        self._check(shown)
        for name, target in self.targets.items():
            of, value = target['of'], target['value']
            count = int((labels[of] == self._number(target)).sum())
            if min(count, len(labels[of]) - count) < _LEAST:
                raise ValueError(
                    f'The target {name!r} needs {_LEAST} samples or more of {of} = {value!r} and '
                    f'of others, but got {count} and {len(labels[of]) - count}.'
                )


def _class_numbers(values: Tensor, name: str) -> Tensor:
    """Return class numbers (n,) as integers."""
    for value in values.tolist():
        if value != math.floor(value) or not 0 <= value < _MOST_CLASSES:
            raise ValueError(
                f'The labels of {name!r} must be class numbers, whole ones from 0 to '
                f'{_MOST_CLASSES - 1}, but got {value:g}.'
            )
    return values.long()
