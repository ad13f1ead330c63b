# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The latent code of BDInvert: a base code for geometry and a detail code for semantics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ..io.saved import FileKind

__all__ = ['LatentCode']

_KIND = FileKind(
    'mmgen_bdinvert.latent_code',
    'latent code',
    'give a code.safetensors that tools/invert.py wrote',
)


@dataclass(frozen=True, eq=False)
class LatentCode:
    """Base code ``f`` and detail code ``w_M+`` of a batch of images (paper, section 3.1).

    Args:
        base (Tensor): Base code of shape (n, C, s, s), any real values.
        detail (Tensor): Detail code of shape (n, N - M, D): the style vectors from the first one
            that is used after the base code.
        fingerprint (str): Fingerprint of the generator it belongs to; '' if unknown.
        channel_order (str): Channel order of that generator's images. Defaults to 'bgr'.

    Raises:
        ValueError: If the shapes are not of this form or the batch sizes differ.
    """

    base: Tensor
    detail: Tensor
    fingerprint: str = ''
    channel_order: str = 'bgr'

    def __post_init__(self):
        base, detail = tuple(self.base.shape), tuple(self.detail.shape)
        if len(base) != 4 or base[2] != base[3]:
            raise ValueError(f'A base code has the shape (n, C, s, s), but got {base}.')
        if len(detail) != 3:
            raise ValueError(f'A detail code has the shape (n, N - M, D), but got {detail}.')
        if base[0] != detail[0]:
            raise ValueError(
                f'Base and detail code must have the same batch size, but got {base[0]} and '
                f'{detail[0]}.'
            )
        if self.channel_order not in ('bgr', 'rgb'):
            raise ValueError(f"channel_order is 'bgr' or 'rgb', but got {self.channel_order!r}.")

    @property
    def base_size(self) -> int:
        """int: Side s of the base code."""
        return self.base.shape[-1]

    def __len__(self) -> int:
        return self.base.shape[0]

    def __getitem__(self, index) -> LatentCode:
        """Return a batch with the chosen images; an int keeps a batch of one."""
        if isinstance(index, int):
            position = range(len(self))[index]  # raises IndexError, which also ends a for loop
            index = slice(position, position + 1)
        return replace(self, base=self.base[index], detail=self.detail[index])

    @staticmethod
    def cat(codes: Sequence[LatentCode]) -> LatentCode:
        """Return codes of one generator as one batch."""
        base = torch.cat([code.base for code in codes])
        return replace(codes[0], base=base, detail=torch.cat([code.detail for code in codes]))

    def to(self, *args, **kwargs) -> LatentCode:
        """Return the code on another device or in another dtype, as ``Tensor.to``."""
        base, detail = self.base.to(*args, **kwargs), self.detail.to(*args, **kwargs)
        return replace(self, base=base, detail=detail)

    def detach(self) -> LatentCode:
        """Return the code without its autograd history."""
        return replace(self, base=self.base.detach(), detail=self.detail.detach())

    def save(self, path: str | Path) -> None:
        """Write a safetensors file; nothing half-written stays.

        Args:
            path (str | Path): File, usually ``code.safetensors``.

        Raises:
            OutputError: If the file cannot be written.
        """
        facts = {'base_size': str(self.base_size), 'channel_order': self.channel_order}
        tensors = {'base': self.base, 'detail': self.detail}
        _KIND.save(path, tensors, facts, self.fingerprint)

    @classmethod
    def load(cls, path: str | Path, generator=None) -> LatentCode:
        """Read a code that :meth:`save` wrote.

        Args:
            path (str | Path): The file.
            generator (BaseDetailGenerator | None): If given, a code made with another generator
                or base size is refused. Defaults to None.

        Returns:
            LatentCode: The code in float32, on the CPU.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is not a latent code, or one of another generator.
        """
        tensors, facts = _KIND.read(path, ('base', 'detail'))
        try:
            code = cls(
                **tensors,
                fingerprint=facts[_KIND.generator],
                channel_order=facts.get('channel_order', 'bgr'),
            )
        except ValueError as error:
            raise ValueError(f'{path} is not a usable latent code: {error}') from error
        if generator is not None:
            generator.check_code(code, name=str(path))
        return code
