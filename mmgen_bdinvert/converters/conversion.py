# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What a conversion gives, and the bookkeeping that lets no tensor get lost."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from ..io.saved import save_tensors
from ..io.tensors import floats, shown_name
from ..models.latent_stats import LatentStatistics

__all__ = ['NOTHING', 'Conversion', 'Ledger']

NOTHING = 'Nothing is converted, since tensors would be lost.'

_SHOWN = 3  # names in an error
_COUNTER = 'num_batches_tracked'


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
        save_tensors(path, self.tensors, metadata)


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
    """

    def __init__(self, source: Mapping) -> None:
        self._source = {k: v for k, v in source.items() if isinstance(v, Tensor)}
        self.taken: set[str] = set()
        self.set_aside: dict[str, str] = {}

    def take(self, name: str, rank: int | None = None) -> Tensor:
        """Return a tensor of finite real numbers in float32, or a counter of batches as it is.

        Raises:
            ValueError: There is none of this name, or of another rank, or it holds anything else.
        """
        if name not in self._source:
            raise ValueError(f'the tensor {name} is missing: the file is incomplete.')
        tensor = self._source[name].detach()
        if rank is not None and tensor.ndim != rank:
            shape = tuple(tensor.shape)
            raise ValueError(f'the tensor {name} must have {rank} dimensions, but is {shape}.')
        self.taken.add(name)
        return tensor if name.endswith(_COUNTER) else floats(tensor, name)

    def take_all(self, names: Iterable[str]) -> list[Tensor]:
        """Take all of these tensors, or none where none is there."""
        names = list(names)
        return [self.take(name) for name in names] if any(map(self.__contains__, names)) else []

    def numbers(self, name: Callable[[int], str]) -> range:
        """Return the numbers from 0 on for which there is a tensor of that name."""
        return range(next(i for i in itertools.count() if name(i) not in self._source))

    def __contains__(self, name: str) -> bool:
        return name in self._source

    def leave(self, name: str, reason: str) -> None:
        """Set a tensor aside, if it is there.

        Raises:
            ValueError: It holds values that are not finite: the file is damaged.
        """
        if name in self._source:
            if self._source[name].is_floating_point():
                floats(self._source[name], name)
            self.set_aside[name] = reason

    def stored_mean(self, width: int) -> Tensor | None:
        """Take the mean w of this width, of what was set aside."""
        for name in ('w_avg', 'mapping.w_avg', 'truncation.w_avg'):
            if name in self.set_aside and self._source[name].numel() == width:
                del self.set_aside[name]
                return self.take(name).flatten()
        return None

    def close(self) -> None:
        """Check that nothing is left over.

        Raises:
            ValueError: Tensors were neither taken nor set aside; names the first ones.
        """
        left = [k for k in self._source if k not in self.taken and k not in self.set_aside]
        if left:
            first = ', '.join(map(shown_name, left[:_SHOWN])) + (', …' if left[_SHOWN:] else '')
            raise ValueError(
                f'{len(left)} of {len(self._source)} tensors are not known to this format: '
                f'{first}. {NOTHING}'
            )
