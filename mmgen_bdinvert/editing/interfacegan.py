# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""InterFaceGAN (Shen et al., CVPR 2020): the normal of a boundary between labelled latents."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import torch
from mmgen.registry import MODULES
from torch import Tensor

from ..utils.numbers import checked_number
from .directions import Direction
from .samples import in_deviations
from .supervised import SupervisedFinder, labelled_places, needs_scikit_learn

__all__ = ['InterFaceGAN', 'boundary_normal', 'confident_samples', 'orthogonalise']

_HELD_OUT = 0.3
_COSTS = [1e-4, 1e-3, 1e-2, 1e-1, 1.0]


def confident_samples(scores: Tensor, fraction: float) -> tuple[Tensor, Tensor]:
    """Return the places (k,) of the samples that are clearly on a side, and whether on the upper.

    All of them, if the scores (n,) are labels of two values; else the ``fraction`` with the highest
    scores and the one with the lowest.
    """
    values = scores.unique()
    if len(values) <= 2:
        return torch.arange(len(scores)), scores == values[-1]
    count = max(1, int(fraction * len(scores)))
    order = scores.argsort()
    places = torch.cat([order[:count], order[-count:]])
    upper = torch.arange(len(places)) >= count
    places, order = places.sort()
    return places, upper[order]


def boundary_normal(w: Tensor, upper: Tensor) -> tuple[Tensor, float]:
    """Fit a linear support vector machine to style vectors (n, D) and their labels, bool (n,).

    The last 30 % of each side are held out. The cost of an error, C, is the best of 1e-4 to 1 by
    threefold cross-validation: a boundary that fits every sample runs along directions in which the
    latents hardly vary.

    Returns the unit normal (D,) of the boundary, towards ``upper``, and the balanced accuracy on
    the held-out samples.

    Raises:
        ImportError: scikit-learn is missing.
        ValueError: A side has fewer than four samples.
    """
    with needs_scikit_learn('InterFaceGAN'):
        from sklearn.model_selection import GridSearchCV
        from sklearn.svm import LinearSVC
    sides = [torch.nonzero(upper == side).flatten() for side in (False, True)]
    if min(map(len, sides)) < 4:
        raise ValueError(
            f'A boundary needs four samples or more on either side, but got {len(sides[0])} and '
            f'{len(sides[1])}.'
        )
    splits = [len(side) - max(1, int(_HELD_OUT * len(side))) for side in sides]
    train = torch.cat([side[:split] for side, split in zip(sides, splits)])
    centre = w[train].mean(0)
    scale = (w[train] - centre).std()
    x = ((w - centre) / scale).double().numpy()
    machine = LinearSVC(class_weight='balanced', dual=False)
    search = GridSearchCV(machine, {'C': _COSTS}, scoring='balanced_accuracy', cv=3)
    machine = search.fit(x[train], upper[train].numpy()).best_estimator_
    hits = [machine.predict(x[side[split:]]) for side, split in zip(sides, splits)]
    accuracy = ((~hits[0]).mean() + hits[1].mean()) / 2
    normal = torch.from_numpy(machine.coef_[0])
    return (normal / normal.norm()).float(), float(accuracy)


def orthogonalise(vector: Tensor, others: Sequence[Tensor]) -> Tensor:
    """Project the span of other directions out of one (conditional manipulation, section 3.3).

    All are (D,); returns a unit vector (D,).

    Raises:
        ValueError: Nothing is left.
    """
    rest = vector.double() / vector.double().norm()
    if len(others):
        basis = torch.linalg.qr(torch.stack(list(others), 1).double()).Q  # [Dk]
        rest = rest - basis @ (basis.T @ rest)
    if rest.norm() < 1e-4:
        raise ValueError('A direction lies in the span of those that it is to be independent of.')
    return (rest / rest.norm()).float()


@MODULES.register_module()
class InterFaceGAN(SupervisedFinder):
    """Directions across the boundary of a linear classifier of style vectors.

    Args:
        fraction (float): Where labels are scores, the share of samples taken from each end, as the
            paper takes the most confident ones. Defaults to 0.2.
        conditions (Mapping[str, Sequence[str]] | str): For an attribute, those that its direction
            is made orthogonal to; ``'all'`` makes each one orthogonal to all the others. Defaults
            to none.
        **kwargs: See :class:`SupervisedFinder`.

    Raises:
        ValueError: ``fraction`` is not between 0 and 0.5.
    """

    def __init__(
        self,
        fraction: float = 0.2,
        conditions: Mapping[str, Sequence[str]] | str | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.fraction = checked_number('fraction', fraction, above=0, most=0.5)
        self.conditions = conditions

    def fit(self, w: Tensor, scores: Mapping[str, Tensor]) -> list[Direction]:
        normals, accuracies = {}, {}
        for name, values in scores.items():
            places = labelled_places(values, name)
            chosen, upper = confident_samples(values[places], self.fraction)
            try:
                normals[name], accuracies[name] = boundary_normal(w[places[chosen]], upper)
            except ValueError as e:
                raise ValueError(f'The attribute {name!r}: {e}') from e
        found = []
        for name, normal in normals.items():
            facts = {'held_out_accuracy': f'{accuracies[name]:.3f}'}
            others = self._conditions_of(name, normals)
            if others:
                normal = orthogonalise(normal, [normals[other] for other in others])
                facts['orthogonal_to'] = ', '.join(others)
            found.append(Direction(in_deviations(normal, w), name, notes=facts))
        return found

    def _conditions_of(self, name: str, known: Mapping[str, Tensor]) -> list[str]:
        if self.conditions == 'all':
            return [other for other in known if other != name]
        wanted = dict(self.conditions or {})
        for other in itertools.chain(wanted, *wanted.values()):
            if other not in known:
                raise ValueError(
                    f'A condition must be one of the attributes {", ".join(known)}, but got '
                    f'{other!r}.'
                )
        return list(wanted.get(name, ()))
