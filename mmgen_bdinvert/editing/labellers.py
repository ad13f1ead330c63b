# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Labels that supervised directions are learnt from: scores of images, and tables in files."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from mmgen.registry import MODULES
from torch import Tensor, nn

__all__ = ['ClassLabels', 'ClassScores', 'PatchLightness', 'read_labels']


@MODULES.register_module()
class ClassScores(nn.Module):
    """Scores from a classifier: the log-odds of some of its classes against others.

    Args:
        classifier (dict | nn.Module): Classifier, or its config. It takes RGB images (n, 3, H, W)
            in [-1, 1] and returns logits (n, classes) by name; ``classes`` lists their meanings
            by name, as that of ``projects.toon_faces.ToonAttributes``.
        attributes (Mapping[str, Mapping]): For each attribute ``dict(of=…, yes=[…], no=[…])``: the
            name of the logits, and the classes that speak for it and against it. Without ``no``
            all the others do.

    Raises:
        ValueError: An attribute names logits or classes that the classifier does not have.
    """

    def __init__(self, classifier: dict | nn.Module, attributes: Mapping[str, Mapping]):
        super().__init__()
        self.classifier = MODULES.build(classifier) if isinstance(classifier, dict) else classifier
        self._columns = {}
        for name, wanted in attributes.items():
            classes = list(self.classifier.classes.get(wanted['of'], ()))
            yes = list(wanted['yes'])
            no = list(wanted.get('no') or [c for c in classes if c not in yes])
            unknown = [c for c in yes + no if c not in classes]
            if unknown or not yes or not no:
                known = {k: list(v) for k, v in self.classifier.classes.items()}
                raise ValueError(
                    f'The attribute {name!r} must name classes for and against it out of {known}, '
                    f'but got {dict(wanted)}.'
                )
            columns = ([classes.index(c) for c in part] for part in (yes, no))
            self._columns[name] = (wanted['of'], *columns)

    @torch.no_grad()
    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Score RGB images (n, 3, H, W) in [-1, 1]: (n,) for each attribute."""
        logits = self.classifier(images)
        return {
            name: logits[of][:, yes].logsumexp(1) - logits[of][:, no].logsumexp(1)
            for name, (of, yes, no) in self._columns.items()
        }


@MODULES.register_module()
class ClassLabels(nn.Module):
    """The most likely class of each attribute, by its number.

    Args:
        classifier (dict | nn.Module): As for :class:`ClassScores`.
        attributes (Sequence[str] | None): Names of logits. Defaults to None, all.
        sure (Mapping[str, float] | None): For some attributes, the probability that the class must
            have; else the image has no label of it, NaN. Defaults to none.

    Attributes:
        classes (dict[str, list[str]]): The meanings of the classes of each attribute.

    Raises:
        ValueError: The classifier has no such logits.
    """

    def __init__(
        self,
        classifier: dict | nn.Module,
        attributes: Sequence[str] | None = None,
        sure: Mapping[str, float] | None = None,
    ):
        super().__init__()
        self.classifier = MODULES.build(classifier) if isinstance(classifier, dict) else classifier
        known = {name: list(classes) for name, classes in self.classifier.classes.items()}
        self.sure = dict(sure or {})
        unknown = [name for name in (*(attributes or ()), *self.sure) if name not in known]
        if unknown:
            raise ValueError(
                f'The attributes of this classifier are {", ".join(known)}, but got {unknown[0]!r}.'
            )
        self.classes = {name: known[name] for name in attributes or known}

    @torch.no_grad()
    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Classify RGB images (n, 3, H, W) in [-1, 1]: class numbers (n,) by attribute."""
        logits, labels = self.classifier(images), {}
        for name in self.classes:
            probability, number = logits[name].softmax(1).max(1)
            unsure = probability < self.sure.get(name, 0)
            labels[name] = number.float().masked_fill(unsure, torch.nan)
        return labels


@MODULES.register_module()
class PatchLightness(nn.Module):
    """Scores from the lightness of patches of aligned images.

    Args:
        patches (Mapping[str, Sequence]): For each attribute ``((top, bottom), (left, right))``, as
            shares of the image's sides.
    """

    def __init__(self, patches: Mapping[str, Sequence[Sequence[float]]]):
        super().__init__()
        self.patches = dict(patches)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return the mean of each patch of RGB images (n, 3, H, W) in [-1, 1]: (n,)."""
        height, width = images.shape[-2:]
        scores = {}
        for name, ((top, bottom), (left, right)) in self.patches.items():
            rows = slice(round(top * height), round(bottom * height))
            columns = slice(round(left * width), round(right * width))
            scores[name] = images[:, :, rows, columns].mean((1, 2, 3))
        return scores


def read_labels(path: str | os.PathLike, count: int) -> dict[str, Tensor]:
    """Read labels or scores of ``count`` samples from a table.

    Args:
        path (str | os.PathLike): A ``.csv`` file with a header, or a ``.jsonl`` file with an object
            per line. ``index`` is the number of the sample, counted from 0; every other column is
            an attribute, with 0 and 1, class numbers, or scores. An empty cell is no label.
        count (int): Number of samples.

    Returns:
        dict[str, Tensor]: For each attribute (count,), NaN where there is no label.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is of another kind, or a line has no valid index or a label that is not a
            finite number.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f'There is no file of labels {file}: check the path.')
    if file.suffix not in ('.csv', '.jsonl'):
        raise ValueError(f'A file of labels ends in .csv or .jsonl, but got {file}.')
    labels: dict[str, Tensor] = {}
    for place, row in _rows(file):
        index = _number(row.pop('index', None))
        if not 0 <= index < count or index != int(index):  # NaN included
            raise ValueError(
                f'{file}, line {place}: index must be a whole number from 0 to {count - 1}, the '
                f'number of a sample.'
            )
        for name, value in row.items():
            number = _number(value)
            if not math.isfinite(number) and value not in ('', None):
                rule = f'the label {name!r} must be a finite number'
                raise ValueError(f'{file}, line {place}: {rule}, but got {value!r}.')
            labels.setdefault(name, torch.full((count,), torch.nan))[int(index)] = number
    if not labels:
        raise ValueError(f'{file} must hold a column beside index, but holds no labels.')
    return labels


def _rows(file: Path):
    """Yield the number of each line and its values by column."""
    try:
        with file.open(newline='', encoding='utf-8-sig') as lines:
            if file.suffix == '.csv':
                yield from enumerate(csv.DictReader(lines), 2)
                return
            for place, line in enumerate(lines, 1):
                if line.strip():
                    yield place, dict(json.loads(line))
    except (csv.Error, TypeError, ValueError, RecursionError) as e:
        raise ValueError(f'{file} is not a readable table of labels ({e}).') from e


def _number(value: object) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
