# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The base class of finders that learn directions from labelled samples."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from mmgen.registry import MODULES
from torch import Tensor, nn

from ..io import local_path
from ..io.tensors import read_array
from ..models import BaseDetailGenerator
from ..utils.numbers import checked_number
from .labellers import read_labels
from .samples import Labeller, Progress, draw_latents, edit_effect, sample_codes, score_samples
from .style_edit import StyleEdit

__all__ = ['SupervisedFinder']

_TRIED = 64  # samples that the found directions are tried on


class SupervisedFinder:
    """Base class: learns directions, or targets, of labelled style vectors.

    Samples are drawn from the generator and scored by a labeller, or labelled in a file. Give
    either ``labeller`` or ``labels``.

    Args:
        labeller (dict | Callable | None): Config of a registered component, or a function: RGB
            images (n, 3, H, W) in [-1, 1] to a score (n,) for each attribute. Defaults to None.
        labels (str | os.PathLike | None): A table of labels or scores of samples for
            :func:`mmgen_bdinvert.editing.read_labels`. Defaults to None.
        latents (str | os.PathLike | None): The style vectors (n, D) that ``labels`` counts, in a
            ``.npy`` or ``.pt`` file. Defaults to None: ``num_samples`` are drawn from the seed.
        num_samples (int): Samples that are drawn. Defaults to 4000.
        mixed (bool): Whether the samples for the labeller take their base codes from one another,
            so that a direction learns what an edit of the detail code can do. Defaults to False.
        batch_size (int): Images at a time. Defaults to 16.

    Raises:
        ValueError: Both or none of ``labeller`` and ``labels`` are given; ``latents`` or ``mixed``
            do not go with the one given.
    """

    def __init__(
        self,
        labeller: dict | Labeller | None = None,
        labels: str | os.PathLike | None = None,
        latents: str | os.PathLike | None = None,
        num_samples: int = 4000,
        mixed: bool = False,
        batch_size: int = 16,
    ):
        if (labeller is None) == (labels is None):
            raise ValueError('A finder learns from a labeller or from a file of labels: give one.')
        if labeller is not None and latents is not None:
            raise ValueError(
                'latents belong to a file of labels; a labeller draws its own samples.'
            )
        if labels is not None and mixed:
            raise ValueError('mixed samples are made for a labeller; labels in a file come as is.')
        self.labeller = MODULES.build(labeller) if isinstance(labeller, dict) else labeller
        self.labels, self.latents = labels, latents
        self.num_samples = checked_number('num_samples', num_samples, least=1, whole=True)
        self.batch_size = checked_number('batch_size', batch_size, least=1, whole=True)
        self.mixed = mixed

    def fit(self, w: Tensor, scores: Mapping[str, Tensor]) -> Sequence[StyleEdit]:
        """Learn from style vectors (n, D) and scores (n,), NaN where there is no label.

        Returns directions, one standard deviation of w long, or targets, with their names and notes
        on how good they are. Subclasses implement it.

        Raises:
            ValueError: Labels do not vary.
        """
        raise NotImplementedError

    def find(
        self, generator: BaseDetailGenerator, *, seed: int = 0, progress: Progress = None
    ) -> list[StyleEdit]:
        """Find the directions, or targets, of a generator.

        ``seed`` draws the samples; ``progress(done, total)`` is called while they are scored. The
        ``notes`` say what the held-out samples show, and with a labeller what edits of the detail
        code do: of directions the ``effect`` by ±2, in standard deviations of the score, and the
        largest ``side_effect``.

        Raises:
            FileNotFoundError: A file is missing.
            ValueError: The labels do not fit the samples, or cannot be learnt from.
        """
        w, scores = self._samples(generator, seed, progress)
        common = {'samples': str(len(w))}
        if self.latents is None:
            common['seed'] = str(seed)
        if self.mixed:
            common['mixed'] = 'yes'
        edits = self.fit(w, scores)
        effects: Sequence[Mapping[str, str]] = [{}] * len(edits)
        if self.labeller is not None:
            tried = draw_latents(generator, _TRIED, seed + 1)
            effects = self.effects(generator, edits, tried, scores)
        common_facts = dict(fingerprint=generator.fingerprint, method=type(self).__name__)
        return [
            replace(edit, notes={**edit.notes, **common, **own}, **common_facts)
            for edit, own in zip(edits, effects)
        ]

    def _samples(
        self, generator: BaseDetailGenerator, seed: int, progress: Progress
    ) -> tuple[Tensor, dict[str, Tensor]]:
        if self.latents is None:
            w = draw_latents(generator, self.num_samples, seed)
        else:
            file = local_path(self.latents)
            if not file.is_file():
                raise FileNotFoundError(f'There is no file of latents {file}: check the path.')
            w, width = read_array(file), generator.style_dim
            if w.ndim != 2 or w.shape[1] != width:
                shape = tuple(w.shape)
                raise ValueError(f'{file} must hold style vectors (n, {width}), but got {shape}.')
        if self.labels is not None:
            return w, read_labels(self.labels, len(w))
        if isinstance(self.labeller, nn.Module):
            self.labeller.to(generator.device).eval()
        codes = sample_codes(generator, w, mixed=self.mixed, batch_size=self.batch_size)
        scores = score_samples(generator, codes, self.labeller, total=len(w), progress=progress)
        return w, scores

    def effects(
        self,
        generator: BaseDetailGenerator,
        edits: Sequence[StyleEdit],
        tried: Tensor,
        scores: Mapping[str, Tensor],
    ) -> list[dict[str, str]]:
        """Return notes on what each edit does to samples (n, D); ``scores`` are of the others."""
        spread = {name: max(values.std().item(), 1e-6) for name, values in scores.items()}
        notes = []
        for edit in edits:
            effects = edit_effect(generator, edit, self.labeller, tried)
            effects = {name: effect / spread[name] for name, effect in effects.items()}
            notes.append({'effect': f'{effects.pop(edit.name):+.2f}'})
            if effects:
                worst = max(effects, key=lambda name: abs(effects[name]))
                notes[-1]['side_effect'] = f'{worst} {effects[worst]:+.2f}'
        return notes


@contextlib.contextmanager
def needs_scikit_learn(finder: str) -> Iterator[None]:
    """Import parts of scikit-learn; if it is missing, the ImportError says what to install."""
    try:
        yield
    except ImportError as e:
        raise ImportError(
            f"{finder} needs scikit-learn: pip install 'mmgen_bdinvert[directions]'."
        ) from e


def labelled_places(scores: Tensor, name: str) -> Tensor:
    """Return the places (k,) of the samples that have a label; the labels must vary."""
    places = torch.nonzero(~scores.isnan()).flatten()
    values = scores[places]
    if len(places) < 2 or not (values != values[0]).any():
        raise ValueError(f'The labels of {name!r} must vary, but all of them are equal.')
    return places
