# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The latent code of BDInvert: a base code for geometry and a detail code for semantics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..io.outputs import atomic_write

__all__ = ['LatentCode']

_KIND, _VERSION = 'mmgen_bdinvert.latent_code', '1'


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
        metadata = {
            'kind': _KIND,
            'version': _VERSION,
            'generator': self.fingerprint,
            'base_size': str(self.base_size),
            'channel_order': self.channel_order,
        }
        tensors = {'base': self.base, 'detail': self.detail}
        tensors = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
        atomic_write(path, lambda temporary: save_file(tensors, temporary, metadata))

    @classmethod
    def load(cls, path: str | Path, generator=None) -> LatentCode:
        """Read a code that :meth:`save` wrote.

        Args:
            path (str | Path): The file.
            generator (BaseDetailGenerator | None): If given, a code made with another generator
                or base size is refused. Defaults to None.

        Returns:
            LatentCode: The code, on the CPU.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is not a latent code, or one of another generator.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f'There is no latent code {path}: check the path.')
        try:
            with safe_open(path, 'pt') as file:
                metadata = file.metadata() or {}
                tensors = {k: file.get_tensor(k) for k in file.keys()}
        except (SafetensorError, OSError) as e:
            raise ValueError(
                f'{path} is not a latent code: it is no readable safetensors file ({e}).'
            ) from e
        if metadata.get('kind') != _KIND or set(tensors) != {'base', 'detail'}:
            raise ValueError(
                f'{path} is not a latent code: give a code.safetensors that tools/invert.py wrote.'
            )
        if metadata.get('version') != _VERSION:
            raise ValueError(
                f'{path} has format version {metadata.get("version")}, but this release reads '
                f'version {_VERSION}.'
            )
        if not all(t.is_floating_point() for t in tensors.values()):
            kinds = ', '.join(sorted({str(t.dtype) for t in tensors.values()}))
            raise ValueError(f'A latent code holds real numbers, but {path} holds {kinds}.')
        if not all(torch.isfinite(t).all() for t in tensors.values()):
            raise ValueError(f'{path} holds values that are not finite: invert the image again.')
        code = cls(
            **tensors,
            fingerprint=metadata.get('generator', ''),
            channel_order=metadata.get('channel_order', 'bgr'),
        )
        if generator is not None:
            generator.check_code(code, name=str(path))
        return code
