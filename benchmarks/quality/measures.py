# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Measures of inversions and of their edits."""

from __future__ import annotations

import mmgen_bdinvert  # noqa: F401  (first: it makes mmgen importable)

# isort: split
import copy
import hashlib
from collections.abc import Sequence
from typing import Any

import torch
from mmgen.registry import MODULES
from torch import Tensor

from mmgen_bdinvert.editing import load_direction
from mmgen_bdinvert.evaluation.functional import masked_rmse, mse, psnr, ssim
from mmgen_bdinvert.geometry import inverse, transform_base
from mmgen_bdinvert.models.encoder_trainer import moved_each
from mmgen_bdinvert.models.inverters.base_inverter import OptimizationInverter
from mmgen_bdinvert.models.state_dicts import update_digest

from .faces import Face, unmove
from .plan import Edit, Plan, stable_json

__all__ = ['Measures', 'edit_region']

_VISIBLE = 16 / 255  # a change of a pixel that counts, of 0 to 2
_REVISION = 2  # raised when a number of a row changes its meaning: stored rows are no longer used


def edit_region(before: Tensor, after: Tensor) -> Tensor:
    """Return the region that an edit changes in a drawing.

    Args:
        before (Tensor): Drawings (n, 3, H, W) in [-1, 1].
        after (Tensor): The same faces, drawn with the edit.

    Returns:
        Tensor: Bool (n, 1, H, W).
    """
    return ((before - after).abs() > _VISIBLE).any(1, keepdim=True)


class Measures:
    """Judges of reconstructions and edits; none of them is optimised, unless its name says so.

    A row holds, for a face, ``mse``, ``psnr``, ``ssim``, each judge's distance, ``mean v²``
    (squared length of the style vectors in P-norm+ space, 1 for the generator's own samples),
    ``straightened`` (PSNR of the base code moved back into alignment, against the picture before it
    was moved; methods with a base code only), ``attributes`` (share of what was drawn that the
    classifier finds), ``NAME read`` for single ones of them (1 or 0), and ``edits``, by edit and
    strength:

    * ``gap``: error inside the region that the drawn edit changes, as a share of that of the target
      itself, which is not edited: 0 is the truth, 1 no better than doing nothing;
    * ``done``: whether the classifier sees the edit, the face being moved back first;
    * ``kept``: share of the other attributes that are classified as drawn;
    * ``outside``: root mean squared error outside the region.

    Args:
        plan (Plan): Judges, classifier and edits.
        device (torch.device): Where they run.
    """

    def __init__(self, plan: Plan, device: torch.device) -> None:
        self.plan, self.device = plan, device
        self.judges = {k: MODULES.build(dict(v)).to(device) for k, v in plan.judges.items()}
        self.classifier = None
        if plan.classifier is not None:
            self.classifier = MODULES.build(dict(plan.classifier)).to(device).eval()
        # Copies: what safetensors reads changes if somebody overwrites the file during a long run.
        self.directions = {e.name: copy.deepcopy(load_direction(e.direction)) for e in plan.edits}

    @property
    def digest(self) -> str:
        """str: SHA-256 of all that a row depends on besides the inversion."""
        settings = [_REVISION, self.plan.judges, self.plan.classifier, self.plan.read]
        settings += map(vars, self.plan.edits)
        digest = hashlib.sha256(stable_json(settings).encode())
        if self.classifier is not None:
            update_digest(digest, self.classifier.state_dict())
        update_digest(
            digest,
            {
                f'{name} {key}': tensor
                for name, direction in self.directions.items()
                for key, tensor in direction.tensors.items()
            },
        )
        return digest.hexdigest()

    @torch.no_grad()
    def rows(
        self,
        faces: Sequence[Face],
        truths: Sequence[dict[str, Face]],
        inverter: OptimizationInverter | None,
        variables: dict[str, Tensor] | None,
    ) -> list[dict[str, Any]]:
        """Measure a batch.

        Args:
            faces (Sequence[Face]): The n targets.
            truths (Sequence[dict[str, Face]]): For each the drawn edits by name, those that make
                sense of it.
            inverter (OptimizationInverter | None): What inverted them. None measures the drawings
                themselves: the most that is possible.
            variables (dict[str, Tensor] | None): What it found.

        Returns:
            list[dict[str, Any]]: One row for each face.
        """
        output = target = torch.stack([face.image for face in faces]).to(self.device)
        columns: dict[str, Tensor] = {}
        if inverter is not None:
            output = _rgb(inverter, variables)
            for name, measure in (('mse', mse), ('psnr', psnr), ('ssim', ssim)):
                columns[name] = measure(output, target)
            for name, judge in self.judges.items():
                columns[name] = judge(output, judge.prepare(target))
            if inverter.statistics is not None:
                styles = inverter.values(variables)['detail']
                columns['mean v²'] = inverter.statistics.whiten(styles).square().mean((1, 2))
        rows: list[dict[str, Any]] = [
            {k: float(v[i]) for k, v in columns.items()} for i in range(len(faces))
        ]
        moved = [face.aligned is not None for face in faces]
        if inverter is not None and 'base' in variables and any(moved):
            values = _straightened(inverter, variables, faces)
            for row, value, known in zip(rows, values.tolist(), moved):
                if known:
                    row['straightened'] = value
        if self.classifier is not None:
            found = self._classify(output, faces)
            for i, (row, face) in enumerate(zip(rows, faces)):
                row['attributes'] = _agreement(found, i, face, face.labels)
                for name in self.plan.read:
                    label = (face.labels or {}).get(name, -1)
                    if label >= 0:
                        row[f'{name} read'] = float(found[name][i] == label)
        for row in rows:
            row['edits'] = {}
        for edit in self.plan.edits:
            chosen = [i for i, truth in enumerate(truths) if edit.name in truth]
            if chosen:
                drawn = [truths[i][edit.name] for i in chosen]
                part = None if variables is None else {k: v[chosen] for k, v in variables.items()}
                before = [faces[i] for i in chosen]
                for i, row in zip(chosen, self._edited(edit, before, drawn, inverter, part)):
                    rows[i]['edits'][edit.name] = row
        return rows

    def _edited(
        self,
        edit: Edit,
        before: Sequence[Face],
        drawn: Sequence[Face],
        inverter: OptimizationInverter | None,
        variables: dict[str, Tensor] | None,
    ) -> list[dict[str, dict[str, float]]]:
        """Measure one edit at all strengths: for each face, measures by strength."""
        target = torch.stack([face.image for face in before]).to(self.device)
        truth = torch.stack([face.image for face in drawn]).to(self.device)
        region = edit_region(target, truth)
        nothing = masked_rmse(target, truth, region)
        rows: list[dict[str, dict[str, float]]] = [{} for _ in before]
        direction = self.directions[edit.name]
        for strength in edit.strengths:
            output = truth
            if inverter is not None:
                edited = inverter.edit(variables, direction, strength, edit.layers)
                output = _rgb(inverter, edited)
            gap = masked_rmse(output, truth, region) / nothing
            outside = masked_rmse(output, truth, ~region)
            found = None if self.classifier is None else self._classify(output, drawn)
            for i, row in enumerate(rows):
                values = {'gap': float(gap[i]), 'outside': float(outside[i])}
                if found is not None:
                    choice = self.classifier.classes[edit.attribute][int(found[edit.attribute][i])]
                    values['done'] = float(choice in edit.values)
                    same = {k: v for k, v in drawn[i].labels.items() if v == before[i].labels[k]}
                    same.pop(edit.attribute, None)
                    values['kept'] = _agreement(found, i, drawn[i], same)
                row[f'{strength:g}'] = values
        return rows

    def _classify(self, images: Tensor, faces: Sequence[Face]) -> dict[str, Tensor]:
        assert self.classifier is not None
        logits = self.classifier(unmove(images, [face.move for face in faces]))
        return {name: values.argmax(1).cpu() for name, values in logits.items()}


def _rgb(inverter: OptimizationInverter, variables: dict[str, Tensor]) -> Tensor:
    return inverter.generator.to_rgb(inverter.render(variables)).clamp(-1, 1)


def _straightened(
    inverter: OptimizationInverter, variables: dict[str, Tensor], faces: Sequence[Face]
) -> Tensor:
    """Measure the PSNR (n,) of faces that are moved back, against those before the motion."""
    back = [None if face.move is None else inverse(face.move) for face in faces]
    base = moved_each(variables['base'], back, transform_base)
    before = [face.image if face.aligned is None else face.aligned for face in faces]
    return psnr(_rgb(inverter, {**variables, 'base': base}), torch.stack(before).to(base.device))


def _agreement(found: dict[str, Tensor], index: int, face: Face, labels: dict | None) -> float:
    """Share of the labels that are found; -1 says that there is nothing to find."""
    known = {k: v for k, v in (labels or {}).items() if v >= 0 and k in found}
    right = [int(found[k][index]) == v for k, v in known.items()]
    return sum(right) / len(right) if right else float('nan')
