# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Running a benchmark: invert, measure, and resume where an earlier run stopped."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Union

import torch

from mmgen_bdinvert.io import claim_folder
from mmgen_bdinvert.models.inverters.base_inverter import OptimizationInverter, StepCallback

from .faces import DrawnFaces, Face, Photos
from .measures import Measures, edit_region
from .plan import Plan, build_method, weights_digest
from .store import InversionStore, RowStore, stack

__all__ = ['DRAWN', 'Benchmark', 'Rows']

DRAWN = 'drawn'  # the pseudo-method that measures the drawings themselves
# method -> kind -> one row for each face
Rows = dict[str, dict[str, list[dict]]]
Faces = Union[DrawnFaces, Photos]


class Benchmark:
    """Methods × kinds × faces, each inversion and each measurement stored once.

    ``out_dir/inversions`` has the results of inversions, ``out_dir/measures`` their measures, each
    under the method's name and a digest of everything it depends on. A picture that has changed
    since is inverted again.

    Args:
        plan (Plan): What is compared.
        faces (DrawnFaces | Photos): What is inverted.
        kinds (Sequence[str]): Some of ``MOVES``.
        out_dir (str | os.PathLike): Folder for everything.
        batch_size (int): Images at a time; it does not change the results. Defaults to 16.
        device (str | torch.device | None): As for ``init_inverter``. Defaults to None.

    Raises:
        ForeignFileError: ``out_dir`` has files that the package did not make.
        OutputError: ``out_dir`` cannot be written to.
    """

    def __init__(
        self,
        plan: Plan,
        faces: Faces,
        kinds: Sequence[str],
        out_dir: str | os.PathLike,
        *,
        batch_size: int = 16,
        device: str | torch.device | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f'batch_size is 1 or more, but got {batch_size}.')
        self.plan, self.faces, self.kinds = plan, faces, list(kinds)
        # Stored files are identified by their content: a store of version 0.1.0 needs no mark.
        stored = os.path.isdir(os.path.join(out_dir, 'inversions'))
        self.out_dir = claim_folder(out_dir, 'benchmark-quality', into_existing=stored)
        self.batch_size = batch_size
        self.device = device
        self.indices = list(range(len(faces.names)))

    def run(
        self,
        methods: Sequence[str] | None = None,
        *,
        on_inverted: Callable[[str, str, int], object] | None = None,
        on_step: StepCallback | None = None,
    ) -> Rows:
        """Invert and measure what is not stored yet.

        Args:
            methods (Sequence[str] | None): Methods of the plan. Defaults to all.
            on_inverted (Callable | None): Called as ``on_inverted(method, kind, count)`` when so
                many more faces are inverted, those found in the store included.
            on_step (Callable | None): As ``callback`` of ``OptimizationInverter.invert``.

        Returns:
            dict[str, dict[str, list[dict]]]: Rows of :class:`Measures` with ``seconds`` (on a CPU
            without those that the machine spent on other work), by method and kind, and those of
            the drawings under ``'drawn'`` if the plan has edits.

        Raises:
            ValueError: A method is not in the plan.
        """
        methods = list(self.plan.methods if methods is None else methods)
        unknown = [name for name in methods if name not in self.plan.methods]
        if unknown:
            raise ValueError(
                f'The methods of this benchmark are {", ".join(self.plan.methods)}, but got '
                f'{unknown[0]!r}.'
            )
        rows: Rows = {}
        measures = None
        for method in methods:
            inverter, store = self.inversions(method)
            measures = measures or Measures(self.plan, inverter.generator.device)
            for kind in self.kinds:
                for batch in self._missing(store, kind, on_inverted, method):
                    self._invert(store, kind, batch, inverter, on_step)
                    if on_inverted is not None:
                        on_inverted(method, kind, len(batch))
            rows[method] = self._measure(method, inverter, store, measures)
        if self.plan.edits and measures is not None:
            rows[DRAWN] = self._measure(DRAWN, None, None, measures)
        return rows

    def indices_of(self, method: str) -> list[int]:
        """Return the numbers of the faces that a method inverts."""
        return self.indices[: self.plan.most_faces.get(method)]

    def inversions(self, method: str) -> tuple[OptimizationInverter, InversionStore]:
        """Return a method's inverter and the store of its results."""
        inverter = build_method(self.plan, method, self.device)
        folder = self.out_dir / 'inversions'
        return inverter, InversionStore(folder, method, weights_digest(inverter))

    def truths(self, kind: str, index: int) -> dict[str, Face]:
        """Draw those edits of a face that it does not have already and that are in the picture."""
        before, drawn = self.faces.face(kind, index), {}
        for edit in self.plan.edits:
            if before.choice(edit.attribute) in edit.values:
                continue
            truth = self.faces.face(kind, index, edit.options)
            if edit_region(before.image[None], truth.image[None]).any():
                drawn[edit.name] = truth
        return drawn

    def _missing(
        self, store: InversionStore, kind: str, on_inverted, method: str
    ) -> Iterator[list[int]]:
        """Yield batches of the faces that are not inverted yet."""
        todo, indices = [], self.indices_of(method)
        for index in indices:
            face = self.faces.face(kind, index)
            facts = store.facts(kind, face.name)
            if facts is None or facts['target'] != face.digest:
                todo.append(index)
        if on_inverted is not None and len(todo) < len(indices):
            on_inverted(method, kind, len(indices) - len(todo))
        for first in range(0, len(todo), self.batch_size):
            yield todo[first : first + self.batch_size]

    def _invert(
        self,
        store: InversionStore,
        kind: str,
        indices: list[int],
        inverter: OptimizationInverter,
        on_step: StepCallback | None,
    ) -> None:
        faces = [self.faces.face(kind, index) for index in indices]
        images = torch.stack([face.image for face in faces]).to(inverter.generator.device)
        began, used = time.perf_counter(), time.process_time()
        result = inverter.invert(inverter.generator.to_rgb(images), on_step)
        seconds, used = time.perf_counter() - began, time.process_time() - used
        if images.device.type == 'cpu':  # the machine may have had other work in between
            seconds = min(seconds, used)
        for i, face in enumerate(faces):
            facts = {
                'target': face.digest,
                'seconds': round(seconds / len(faces), 4),
                'stopped_at': int(result.stopped_at[i]),
            }
            variables = {name: values[i] for name, values in result.variables.items()}
            store.save(kind, face.name, variables, facts)

    def _measure(
        self,
        method: str,
        inverter: OptimizationInverter | None,
        found: InversionStore | None,
        measures: Measures,
    ) -> dict[str, list[dict]]:
        """Read the rows of a method, and measure what is missing; others have empty rows."""
        name = method if found is None else found.folder.name
        store = RowStore(self.out_dir / 'measures', name, measures.digest)
        rows: dict[str, list[dict]] = {}
        indices = self.indices_of(method)
        for kind in self.kinds:
            for first in range(0, len(indices), self.batch_size):
                batch = indices[first : first + self.batch_size]
                rows.setdefault(kind, []).extend(
                    self._measured(kind, batch, inverter, found, measures, store)
                )
            rows[kind] += [{'edits': {}} for _ in self.indices[len(indices) :]]
        return rows

    def _measured(self, kind, batch, inverter, found, measures, store) -> list[dict]:
        faces = [self.faces.face(kind, index) for index in batch]
        rows = [store.load(kind, face.name) for face in faces]
        todo = [
            i for i, face in enumerate(faces) if not rows[i] or rows[i]['target'] != face.digest
        ]
        if not todo:
            return rows
        variables = None
        chosen = [faces[i] for i in todo]
        if found is not None:
            stored = [found.load(kind, face.name) for face in chosen]
            variables = stack(stored, inverter.generator.device)
        truths = [self.truths(kind, batch[i]) for i in todo]
        for i, row in zip(todo, measures.rows(chosen, truths, inverter, variables)):
            if found is not None:
                row['seconds'] = found.facts(kind, faces[i].name)['seconds']
            rows[i] = {'face': faces[i].name, 'target': faces[i].digest, **row}
            store.save(kind, faces[i].name, rows[i])
        return rows
