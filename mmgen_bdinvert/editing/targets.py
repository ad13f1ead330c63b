# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Edits that bring an attribute to a value, from wherever a face has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from torch import Tensor

from .style_edit import StyleEdit, checked_floats

__all__ = ['Target']


@dataclass(frozen=True, eq=False)
class Target(StyleEdit):
    """An edit that brings style vectors to a value of an attribute, such as black hair.

    A direction adds the same to every face; how much of it a face needs depends on the face. A
    target reads in each style vector w where the face stands, and adds what is missing:
    ``w + strength · (goal - w @ readings.T) @ vectors``. With strength 1 each face is at the value,
    with 0.5 half way; a face that has it already hardly moves.

    Args:
        vectors (Tensor): What moves, (r, D): for an attribute of r + 1 values.
        readings (Tensor): What is read of a style vector, (r, D); ``readings @ vectors.T`` is the
            identity, unless the target was multiplied.
        goal (Tensor): What is to be read, (r,).
        name (str): What it brings about, for people. Defaults to ''.
        fingerprint, method, notes, layers: As for :class:`Direction`.

    Raises:
        TypeError: A tensor is not a floating one, or ``notes`` is not a mapping.
        ValueError: The shapes do not fit each other, a number is not finite, or a layer is not a
            whole number from 0.
    """

    vectors: Tensor = field(repr=False)
    readings: Tensor = field(repr=False)
    goal: Tensor = field(repr=False)
    name: str = ''
    fingerprint: str = ''
    method: str = ''
    notes: Mapping[str, str] = field(default_factory=dict)
    layers: Iterable[int] | None = None
    shown_at: ClassVar[tuple[float, ...]] = (0.0, 0.5, 1.0, 1.5)

    def __post_init__(self) -> None:
        for name, tensor in self.tensors.items():
            object.__setattr__(self, name, checked_floats(tensor, self.called))
        shapes = [tuple(tensor.shape) for tensor in self.tensors.values()]
        (*_, width), rows = shapes[0] or (0,), shapes[2]
        if len(rows) != 1 or 0 in (*rows, width) or shapes[:2] != [(*rows, width)] * 2:
            raise ValueError(
                f'{self.called} needs vectors and readings (r, D) and a goal (r,), but got '
                f'{", ".join(map(str, shapes))}.'
            )
        self._check(self.vectors)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """dict[str, Tensor]: ``vectors``, ``readings`` and ``goal``."""
        return {'vectors': self.vectors, 'readings': self.readings, 'goal': self.goal}

    def scaled(self, factor: float) -> Target:
        return replace(self, vectors=factor * self.vectors)

    def change(self, styles: Tensor, layers: list[int]) -> Tensor:
        """Return what style vectors (n, k, D) lack, whatever their layers: (n, k, D)."""
        vectors, readings, goal = (tensor.to(styles) for tensor in self.tensors.values())
        return (goal - styles @ readings.T) @ vectors

    def shape_error(self, generator) -> str:
        width = self.vectors.shape[1]
        if width == generator.style_dim:
            return ''
        return (
            f'is of style vectors of {width} values, but those of this generator have '
            f'{generator.style_dim}'
        )
