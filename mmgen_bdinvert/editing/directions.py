# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Linear directions in the style vectors, which edit a detail code (paper, section 3.5)."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from pathlib import Path

import torch
from torch import Tensor

from ..io import local_path
from ..io.saved import FileKind, json_fact
from .arrays import read_vector, split_choice

__all__ = ['Direction', 'load_direction']

DIRECTION_KIND = 'mmgen_bdinvert.direction'
_KIND = FileKind(DIRECTION_KIND, 'direction', 'give a file that tools/find_directions.py wrote')
_SUFFIXES = ('.safetensors', '.pt', '.pth', '.npy', '.npz')


@dataclass(frozen=True, eq=False)
class Direction:
    """A direction in which style vectors move when one property of the image changes.

    The directions that this package finds are as long as the standard deviation of w along them,
    so strength 1 is one deviation; other files keep the length they have.

    Args:
        vector (Tensor): One vector for all layers, (D,) or (1, D), or one for each of the N layers
            of a w+, (N, D); a leading batch dimension of 1 is dropped. Kept as float32 (L, D).
        name (str): What it changes, for people. Defaults to ''.
        fingerprint (str): Fingerprint of the generator it was made with; '' fits any generator of
            this style width. Defaults to ''.
        method (str): How it was made. Defaults to ''.
        notes (Mapping[str, str]): Further facts about it. Defaults to none.
        layers (Iterable[int] | None): The w+ layers, counted from 0, that it is meant for. None
            means all. Defaults to None.

    Raises:
        TypeError: ``vector`` is not a floating tensor, or ``notes`` is not a mapping.
        ValueError: ``vector`` has another shape, is not finite or all zero, or a layer is not a
            whole number from 0.
    """

    vector: Tensor = field(repr=False)
    name: str = ''
    fingerprint: str = ''
    method: str = ''
    notes: Mapping[str, str] = field(default_factory=dict)
    layers: Iterable[int] | None = None

    def __post_init__(self) -> None:
        vector, called = self.vector, self._called
        if not isinstance(vector, Tensor) or not vector.is_floating_point():
            kind = vector.dtype if isinstance(vector, Tensor) else type(vector).__name__
            raise TypeError(f'{called} must be a floating tensor, but got {kind}.')
        shape = tuple(vector.shape)
        if len(shape) == 3 and shape[0] == 1:
            vector = vector[0]  # [1LD] -> [LD]
        if vector.ndim not in (1, 2) or vector.numel() == 0:
            raise ValueError(f'{called} must be of shape (D,), (1, D) or (N, D), but got {shape}.')
        vector = vector.detach().float().reshape(-1, vector.shape[-1])  # [LD]
        if not torch.isfinite(vector).all():
            raise ValueError(f'{called} must be finite, but got NaN or infinite values.')
        if not vector.any():
            raise ValueError(f'{called} must change something, but got zeros only.')
        object.__setattr__(self, 'vector', vector)
        if not isinstance(self.notes, Mapping):
            raise TypeError(f'The notes of a direction are facts by name, but got {self.notes!r}.')
        if self.layers is not None:
            layers = tuple(sorted(set(self.layers)))
            if not layers or not all(_is_number(layer) and layer >= 0 for layer in layers):
                raise ValueError(
                    f'The layers of a direction are whole numbers from 0, but got {layers}.'
                )
            object.__setattr__(self, 'layers', layers)

    def __len__(self) -> int:
        return len(self.vector)

    def __mul__(self, factor: float) -> Direction:
        """Return the direction whose strength 1 is this one's strength ``factor``."""
        factor = checked_strength(factor)
        if factor == 1:
            return self
        return replace(self, vector=factor * self.vector, name=f'{factor:g} × {self.name}')

    __rmul__ = __mul__

    def added(
        self,
        styles: Tensor,
        strength: float,
        generator,
        layers: Iterable[int] | None = None,
    ) -> Tensor:
        """Add ``strength`` times the direction to the last k style vectors (n, k, D) of w+ codes.

        Args:
            styles (Tensor): Shape (n, k, D), as a detail code.
            strength (float): Factor of the direction.
            generator (BaseDetailGenerator): Generator of the codes.
            layers (Iterable[int] | None): As for :meth:`offset`. Defaults to None.

        Returns:
            Tensor: New style vectors (n, k, D).
        """
        first = generator.num_latents - styles.shape[1]
        vectors, rows = self.offset(generator, layers, first)
        styles = styles.clone()
        styles[:, rows] += strength * vectors.to(styles)  # [rD], the same for all images
        return styles

    def offset(
        self, generator, layers: Iterable[int] | None = None, first: int | None = None
    ) -> tuple[Tensor, list[int]]:
        """Return what strength 1 adds to a detail code, or a w+, of a generator.

        Args:
            generator (BaseDetailGenerator): Generator of the code.
            layers (Iterable[int] | None): Indices of w+ layers, 0 to N - 1, that the code has.
                Defaults to None: the direction's own ``layers``, or else all that the code has.
            first (int | None): The first layer of the code. Defaults to that of a detail code.

        Returns:
            tuple[Tensor, list[int]]: Rows (k, D), on the CPU, and their k places in the code,
            ascending.

        Raises:
            ValueError: The direction belongs to another generator or has other shapes, or a layer
                is not in the code.
        """
        if self.fingerprint and self.fingerprint != generator.fingerprint:
            raise ValueError(
                f'{self._called} was made with another generator (fingerprint '
                f'{self.fingerprint[:12]}…, this one is {generator.fingerprint[:12]}…): make it '
                f'anew for this one.'
            )
        rows, width = self.vector.shape
        total = generator.num_latents
        first = generator.first_detail if first is None else first
        if width != generator.style_dim or rows not in (1, total):
            raise ValueError(
                f'{self._called} has the shape ({rows}, {width}), but this generator takes '
                f'(1, {generator.style_dim}) or ({total}, {generator.style_dim}).'
            )
        if layers is None:
            layers = range(first, total) if self.layers is None else self.layers
        chosen = _checked_layers(layers, first, total)
        vectors = self.vector.cpu().expand(total, -1)[chosen]  # [kD]
        return vectors, [layer - first for layer in chosen]

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
        _KIND.save(path, {'vector': self.vector}, facts, self.fingerprint)

    @property
    def _called(self) -> str:
        return f'The direction {self.name!r}' if self.name else 'A direction'


def checked_strength(strength: float) -> float:
    """Return the factor of a direction, which must be a finite number."""
    if isinstance(strength, bool) or not isinstance(strength, Real):
        raise TypeError(f'strength must be a number, but got {type(strength).__name__}.')
    try:
        factor = float(strength)
    except OverflowError:
        factor = math.inf
    if not math.isfinite(factor):
        raise ValueError(f'strength must be finite, but got {strength}.')
    return factor


def load_direction(path: str | os.PathLike) -> Direction:
    """Read a direction from a file, on the CPU; no code in it is run.

    Args:
        path (str | os.PathLike): A ``.safetensors`` file of :meth:`Direction.save`, or a bare
            array, ``.npy`` or ``.npz``, or a tensor in ``.pt`` or ``.pth``, from any device, of the
            shapes that :class:`Direction` takes. A bare array is named after its file. Of several,
            ``FILE#CHOICE`` chooses one by name or number: ``factor.pt#3`` is the fourth of
            rosinality's SeFa.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is of another kind, damaged, or holds no direction.
    """
    name, choice = split_choice(os.fspath(path))
    file = local_path(name)
    if not file.is_file():
        raise FileNotFoundError(f'There is no direction file {file}: check the path.')
    if file.suffix not in _SUFFIXES:
        raise ValueError(f'A direction file ends in {", ".join(_SUFFIXES)}, but got {file}.')
    if file.suffix != '.safetensors':
        called = f'{file.stem} {choice}' if choice else file.stem
        return _build(file, vector=read_vector(file, choice), name=called)
    tensors, facts = _KIND.read(file, ('vector',))
    return _build(
        file,
        vector=tensors['vector'],
        name=facts.get('name') or file.stem,
        fingerprint=facts[_KIND.generator],
        method=facts.get('method', ''),
        notes=json_fact(file, facts, 'notes', {}),
        layers=json_fact(file, facts, 'layers', None),
    )


def _is_number(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _build(file: Path, **fields) -> Direction:
    try:
        return Direction(**fields)
    except (TypeError, ValueError) as e:
        raise ValueError(f'{file} holds no direction: {e}') from e


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
