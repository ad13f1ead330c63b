# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What a conversion gives, and the bookkeeping that lets no tensor get lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from ..io import atomic_write
from ..models.latent_stats import LatentStatistics

__all__ = ['Conversion', 'Ledger', 'check_layout', 'named_tensors']

_SHOWN = 3  # names in an error


@dataclass(frozen=True)
class Conversion:
    """Weights or statistics in this package's form, and where each tensor of the source went.

    Args:
        kind (str): 'generator', 'encoder' or 'statistics'.
        tensors (Mapping[str, Tensor]): The result, float tensors in float32.
        config (Mapping): Config of the component that takes the file, without the file's path.
        facts (Mapping[str, str]): What is known about it; becomes the file's metadata.
        used (int): Number of tensors of the source that went into ``tensors``.
        set_aside (Mapping[str, str]): The others, by name, with the reason.
    """

    kind: str
    tensors: Mapping[str, Tensor]
    config: Mapping
    used: int
    facts: Mapping[str, str] = field(default_factory=dict)
    set_aside: Mapping[str, str] = field(default_factory=dict)

    def config_line(self, path: str | Path) -> str:
        """Return the line of a config that takes the file from ``path``."""
        if self.kind == 'generator':
            config = dict(type='BaseDetailGenerator', checkpoint=str(path), generator=self.config)
        else:
            name = 'path' if self.kind == 'statistics' else 'checkpoint'
            config = {**self.config, name: str(path)}
        return f'{self.kind}={_as_call(config)}'

    def save(self, path: str | Path) -> None:
        """Write the safetensors file that the component takes; nothing half-written stays.

        Raises:
            OutputError: It cannot be written.
        """
        if self.kind == 'statistics':
            LatentStatistics(**self.tensors).save(path)
            return
        metadata = {'kind': f'mmgen_bdinvert.{self.kind}', 'version': '1', **self.facts}
        tensors = {name: tensor.contiguous() for name, tensor in self.tensors.items()}
        atomic_write(path, lambda temporary: save_file(tensors, temporary, metadata))


def _as_call(config: Mapping) -> str:
    """Write a config as ``dict(type='…', …)``; dicts without a type stay literals."""
    parts = []
    for name, value in config.items():
        nested = isinstance(value, Mapping) and 'type' in value
        parts.append(f'{name}={_as_call(value) if nested else repr(value)}')
    return f'dict({", ".join(parts)})'


class Ledger:
    """The tensors of a source: each is taken, set aside with a reason, or refused by name.

    Args:
        source (Mapping): Tensors by name; values that are no tensors are left out.

    Raises:
        ValueError: A tensor holds values that are not finite.
    """

    def __init__(self, source: Mapping) -> None:
        self._source = {k: v for k, v in source.items() if isinstance(v, Tensor)}
        self.taken: set[str] = set()
        self.set_aside: dict[str, str] = {}
        for name, tensor in self._source.items():
            if tensor.is_floating_point() and not tensor.isfinite().all():
                raise ValueError(f'the tensor {name} holds values that are not finite.')

    def take(self, name: str, rank: int | None = None) -> Tensor:
        """Return a tensor, float ones in float32.

        Args:
            name (str): Its name.
            rank (int | None): Number of dimensions that it must have. Defaults to None, any.

        Raises:
            ValueError: There is none of this name, or of another rank.
        """
        if name not in self._source:
            raise ValueError(f'the tensor {name} is missing: the file is incomplete.')
        tensor = self._source[name].detach()
        if rank is not None and tensor.ndim != rank:
            shape = tuple(tensor.shape)
            raise ValueError(f'the tensor {name} must have {rank} dimensions, but is {shape}.')
        self.taken.add(name)
        return tensor.float() if tensor.is_floating_point() else tensor

    def numbers(self, pattern: str, first: int = 0) -> range:
        """Return the numbers from ``first`` on for which ``pattern.format(number)`` is there."""
        last = first
        while pattern.format(last) in self._source:
            last += 1
        return range(first, last)

    def leave(self, name: str, reason: str) -> None:
        """Set a tensor aside, if it is there."""
        if name in self._source:
            self.set_aside[name] = reason

    def close(self) -> None:
        """Check that nothing is left over.

        Raises:
            ValueError: Tensors were neither taken nor set aside; names the first ones.
        """
        left = [k for k in self._source if k not in self.taken and k not in self.set_aside]
        if left:
            more = ', …' if len(left) > _SHOWN else ''
            raise ValueError(
                f'{len(left)} of {len(self._source)} tensors are not known to this format: '
                f'{", ".join(left[:_SHOWN])}{more}. Nothing is converted, since they would be lost.'
            )


def named_tensors(content: object, prefix: str = '') -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor inside nested dicts and lists, with its path as ``a.b.0.c``."""
    if isinstance(content, Tensor):
        yield prefix, content
        return
    if isinstance(content, Mapping):
        items: Iterable[tuple[object, object]] = content.items()
    elif isinstance(content, (list, tuple)):
        items = enumerate(content)
    else:
        return
    for key, value in items:
        yield from named_tensors(value, f'{prefix}.{key}' if prefix else str(key))


def check_layout(tensors: Mapping[str, Tensor], wanted: Mapping[str, torch.Size]) -> None:
    """Check names and shapes of a result.

    Raises:
        ValueError: One is missing, left over, or of another shape; names the first ones.
    """
    wrong = [f'{name} is missing' for name in wanted if name not in tensors]
    wrong += [f'{name} has no place' for name in tensors if name not in wanted]
    wrong += [
        f'{name} is {tuple(tensors[name].shape)} instead of {tuple(shape)}'
        for name, shape in wanted.items()
        if name in tensors and tensors[name].shape != shape
    ]
    if wrong:
        more = '; …' if len(wrong) > _SHOWN else ''
        raise ValueError(
            f'the tensors do not make up a network of this kind ({len(wrong)} do not fit): '
            f'{"; ".join(wrong[:_SHOWN])}{more}.'
        )
