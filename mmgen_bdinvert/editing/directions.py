# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Linear directions in the style vectors, which edit a detail code (paper, section 3.5)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from torch import Tensor

from ..io import local_path
from ..io.saved import json_fact
from .arrays import read_vector, split_choice
from .style_edit import KIND, StyleEdit, checked_floats
from .targets import Target

__all__ = ['Direction', 'load_direction']

_SUFFIXES = ('.safetensors', '.pt', '.pth', '.npy', '.npz')


@dataclass(frozen=True, eq=False)
class Direction(StyleEdit):
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
        vector = checked_floats(self.vector, self.called)
        shape = tuple(vector.shape)
        if len(shape) == 3 and shape[0] == 1:
            vector = vector[0]  # [1LD] -> [LD]
        if vector.ndim not in (1, 2) or vector.numel() == 0:
            raise ValueError(
                f'{self.called} must be of shape (D,), (1, D) or (N, D), but got {shape}.'
            )
        vector = vector.reshape(-1, vector.shape[-1])  # [LD]
        object.__setattr__(self, 'vector', vector)
        self._check(vector)

    def __len__(self) -> int:
        return len(self.vector)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """dict[str, Tensor]: ``vector``."""
        return {'vector': self.vector}

    def scaled(self, factor: float) -> Direction:
        return replace(self, vector=factor * self.vector)

    def change(self, styles: Tensor, layers: list[int]) -> Tensor:
        """Return the vectors (k, D) of k w+ layers, the same for all images."""
        vector = self.vector.to(styles)
        return vector.expand(len(layers), -1) if len(vector) == 1 else vector[layers]

    def shape_error(self, generator) -> str:
        rows, width = self.vector.shape
        total = generator.num_latents
        if width == generator.style_dim and rows in (1, total):
            return ''
        return (
            f'has the shape ({rows}, {width}), but this generator takes '
            f'(1, {generator.style_dim}) or ({total}, {generator.style_dim})'
        )


def load_direction(path: str | os.PathLike) -> StyleEdit:
    """Read a direction or a target from a file, on the CPU; no code in it is run.

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
    tensors, facts = KIND.read(file, ('vector',), instead=('vectors', 'readings', 'goal'))
    return _build(
        file,
        **tensors,
        name=facts.get('name') or file.stem,
        fingerprint=facts[KIND.generator],
        method=facts.get('method', ''),
        notes=json_fact(file, facts, 'notes', {}),
        layers=json_fact(file, facts, 'layers', None),
    )


def _build(file: Path, **fields) -> StyleEdit:
    try:
        return Target(**fields) if 'goal' in fields else Direction(**fields)
    except (TypeError, ValueError) as e:
        raise ValueError(f'{file} holds no direction: {e}') from e
