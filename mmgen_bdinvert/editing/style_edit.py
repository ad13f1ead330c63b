# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What all edits of style vectors share: their facts, layers, strengths and files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from ..io.saved import FileKind
from ..utils.numbers import finite_number

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ['StyleEdit']

DIRECTION_KIND = 'mmgen_bdinvert.direction'
KIND = FileKind(DIRECTION_KIND, 'direction', 'give a file that tools/find_directions.py wrote')


class StyleEdit:
    """An edit of style vectors, with a strength; base class of frozen dataclasses.

    A subclass has the fields below beside its tensors, which are float32, and
    defines the methods that are not implemented here.
    """

    name: str
    fingerprint: str
    method: str
    notes: Mapping[str, str]
    layers: Iterable[int] | None
    __dataclass_fields__: ClassVar[dict]
    shown_at: ClassVar[tuple[float, ...]] = (-3.0, -1.5, 0.0, 1.5, 3.0)  # strengths in previews

    @property
    def tensors(self) -> dict[str, Tensor]:
        """dict[str, Tensor]: Its tensors, by their name in a file."""
        raise NotImplementedError

    def scaled(self, factor: float) -> Self:
        """Return the edit with all that it adds times a factor."""
        raise NotImplementedError

    def change(self, styles: Tensor, layers: list[int]) -> Tensor:
        """Return what strength 1 adds to the style vectors (n, k, D) of k w+ layers."""
        raise NotImplementedError

    def shape_error(self, generator) -> str:
        """Say, as the end of a sentence, why the shapes do not fit a generator; '' if they do."""
        raise NotImplementedError

    def __mul__(self, factor: float) -> Self:
        """Return the edit whose strength 1 is this one's strength ``factor``."""
        factor = finite_number('strength', factor)
        if factor == 1:
            return self
        return replace(self.scaled(factor), name=f'{factor:g} × {self.name}')

    __rmul__ = __mul__

    def added(
        self,
        styles: Tensor,
        strength: float,
        generator,
        layers: Iterable[int] | None = None,
    ) -> Tensor:
        """Add ``strength`` times the change to the last k style vectors (n, k, D) of w+ codes.

        Args:
            styles (Tensor): Shape (n, k, D), as a detail code.
            strength (float): Factor of the change.
            generator (BaseDetailGenerator): Generator of the codes.
            layers (Iterable[int] | None): As for :meth:`places`. Defaults to None.

        Returns:
            Tensor: New style vectors (n, k, D).
        """
        first = generator.num_latents - styles.shape[1]
        places = self.places(generator, layers, first)
        styles = styles.clone()
        styles[:, places] += strength * self.change(styles[:, places], [first + p for p in places])
        return styles

    def places(
        self, generator, layers: Iterable[int] | None = None, first: int | None = None
    ) -> list[int]:
        """Return which style vectors of a detail code, or a w+, of a generator change.

        Args:
            generator (BaseDetailGenerator): Generator of the code.
            layers (Iterable[int] | None): Indices of w+ layers, 0 to N - 1, that the code has.
                Defaults to None: the edit's own ``layers``, or else all that the code has.
            first (int | None): The first layer of the code. Defaults to that of a detail code.

        Returns:
            list[int]: Places in the code, ascending.

        Raises:
            ValueError: The edit belongs to another generator or has other shapes, or a layer is not
                in the code.
        """
        if self.fingerprint and self.fingerprint != generator.fingerprint:
            raise ValueError(
                f'{self.called} was made with another generator (fingerprint '
                f'{self.fingerprint[:12]}…, this one is {generator.fingerprint[:12]}…): make it '
                f'anew for this one.'
            )
        error = self.shape_error(generator)
        if error:
            raise ValueError(f'{self.called} {error}.')
        total = generator.num_latents
        first = generator.first_detail if first is None else first
        if layers is None:
            layers = range(first, total) if self.layers is None else self.layers
        return [layer - first for layer in _checked_layers(layers, first, total)]

    def save(self, path: str | os.PathLike) -> None:
        """Write a safetensors file for :func:`load_direction`, whole or not at all.

        Raises:
            ValueError: ``path`` does not end in ``.safetensors``.
            OutputError: It cannot be written.
        """
        if Path(path).suffix != '.safetensors':
            raise ValueError(f'A direction is saved as .safetensors, but got {os.fspath(path)!r}.')
        notes = json.dumps(dict(self.notes))
        facts = {'name': self.name, 'method': self.method, 'notes': notes}
        if self.layers is not None:
            facts['layers'] = json.dumps(self.layers)
        KIND.save(path, self.tensors, facts, self.fingerprint)

    @property
    def called(self) -> str:
        """str: Its name in messages."""
        return f'The direction {self.name!r}' if self.name else 'A direction'

    def _check(self, added: Tensor) -> None:
        """Check what is added, notes and layers, and sort the layers."""
        if not added.any():
            raise ValueError(f'{self.called} must change something, but got zeros only.')
        if not isinstance(self.notes, Mapping):
            raise TypeError(f'The notes of a direction are facts by name, but got {self.notes!r}.')
        if self.layers is not None:
            layers = tuple(self.layers) if isinstance(self.layers, Iterable) else ()
            if not layers or not all(_is_number(layer) and layer >= 0 for layer in layers):
                raise ValueError(
                    f'The layers of a direction are whole numbers from 0, but got {self.layers!r}.'
                )
            object.__setattr__(self, 'layers', tuple(sorted(set(layers))))


def checked_floats(tensor: Tensor, called: str) -> Tensor:
    """Return a tensor without its history in float32, which must be finite."""
    if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
        kind = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
        raise TypeError(f'{called} must be a floating tensor, but got {kind}.')
    tensor = tensor.detach().float()
    if not torch.isfinite(tensor).all():
        raise ValueError(f'{called} must be finite, but got NaN or infinite values.')
    return tensor


def _is_number(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _checked_layers(layers: Iterable[int], first: int, total: int) -> list[int]:
    chosen = list(layers)
    wrong = [layer for layer in chosen if not _is_number(layer) or not first <= layer < total]
    if wrong or not chosen:
        code = 'A w+' if first == 0 else 'The detail code'
        rest = f' (those below {first} reach no pixel)' if first else ''
        raise ValueError(
            f'{code} has the w+ layers {first} to {total - 1}{rest}, but got '
            f'{repr(wrong[0]) if wrong else "no layer"}.'
        )
    return sorted({int(layer) for layer in chosen})
