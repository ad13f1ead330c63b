# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The latent code of BDInvert: a base code for geometry and a detail code for semantics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..io.saved import FileKind

__all__ = ['LatentCode']

_CHANGES = 'changes.'  # names of changes in a file begin with it
_OPTIONAL = ('colours', 'coarse')

_KIND = FileKind(
    'mmgen_bdinvert.latent_code',
    'latent code',
    'give a code.safetensors that tools/invert.py wrote',
)


@dataclass(frozen=True, eq=False, repr=False)
class LatentCode:
    """Base code ``f`` and detail code ``w_M+`` of a batch of images (paper, section 3.1).

    Images of other inversions depend on more, which their codes carry for
    :meth:`BaseDetailGenerator.render`: ``colours`` and ``changes``.

    Args:
        base (Tensor): Base code of shape (n, C, s, s), any real values.
        detail (Tensor): Detail code of shape (n, N - M, D): the style vectors used after the base
            code.
        fingerprint (str): Fingerprint of the generator it belongs to; '' if unknown.
        channel_order (str): Channel order of that generator's images. Defaults to 'bgr'.
        colours (Tensor | None): RGB (n, 3, s / 2, s / 2) of a split w+, from the layers before a
            StyleGAN2's base code. Defaults to None.
        changes (Mapping[str, Tensor]): Differences of tuned weights and noise maps from those of
            mmgen's generator, (n, …) by their name there. Defaults to none.
        coarse (Tensor | None): The style vectors before those of the detail code, (n, M, D), of a
            split w+ whose base code was not moved. Defaults to None.

    Raises:
        ValueError: The shapes are not of this form, or the batch sizes differ.
    """

    base: Tensor
    detail: Tensor
    fingerprint: str = ''
    channel_order: str = 'bgr'
    colours: Tensor | None = None
    changes: Mapping[str, Tensor] = field(default_factory=dict)
    coarse: Tensor | None = None

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
        side = base[-1] // 2
        if self.colours is not None and tuple(self.colours.shape) != (base[0], 3, side, side):
            raise ValueError(
                f'The colours of this base code have the shape {(base[0], 3, side, side)}, but got '
                f'{tuple(self.colours.shape)}.'
            )
        coarse = detail if self.coarse is None else tuple(self.coarse.shape)
        if (len(coarse), coarse[:1], coarse[-1:]) != (3, detail[:1], detail[-1:]):
            raise ValueError(
                f'The coarse style vectors of this detail code have the shape '
                f'({detail[0]}, M, {detail[-1]}), but got {coarse}.'
            )
        wrong = [k for k, v in self.changes.items() if v.ndim == 0 or len(v) != base[0]]
        if wrong:
            raise ValueError(f'Each of {base[0]} images has changes, but {wrong[0]!r} has others.')
        if self.channel_order not in ('bgr', 'rgb'):
            raise ValueError(f"channel_order is 'bgr' or 'rgb', but got {self.channel_order!r}.")

    @property
    def base_size(self) -> int:
        """int: Side s of the base code."""
        return self.base.shape[-1]

    @property
    def w_plus(self) -> Tensor | None:
        """Tensor | None: The w+ (n, N, D) that it is, if it is one."""
        return None if self.coarse is None else torch.cat([self.coarse, self.detail], 1)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """dict[str, Tensor]: All tensors, by their name in a file."""
        own = {name: getattr(self, name) for name in ('base', 'detail', *_OPTIONAL)}
        found = {name: value for name, value in own.items() if value is not None}
        return {**found, **{f'{_CHANGES}{name}': value for name, value in self.changes.items()}}

    def __len__(self) -> int:
        return self.base.shape[0]

    def __repr__(self) -> str:
        parts = [f'{name} {tuple(getattr(self, name).shape[1:])}' for name in ('base', 'detail')]
        parts += ['colours'] if self.colours is not None else []
        parts += [f'{len(self.changes)} changes'] if self.changes else []
        return f'LatentCode({len(self)} images: {", ".join(parts)}; {self.base.device})'

    def __getitem__(self, index) -> LatentCode:
        """Return a batch with the chosen images; an int keeps a batch of one."""
        if isinstance(index, int):
            position = range(len(self))[index]  # raises IndexError, which also ends a for loop
            index = slice(position, position + 1)
        return self.map(lambda tensor: tensor[index])

    def map(self, function: Callable[[Tensor], Tensor]) -> LatentCode:
        """Return the code with a function applied to each of its tensors."""
        tensors = {name: function(tensor) for name, tensor in self.tensors.items()}
        return replace(self, **_fields(tensors))

    @staticmethod
    def cat(codes: Sequence[LatentCode]) -> LatentCode:
        """Return codes of one generator as one batch."""
        like = {name: tensor for code in codes for name, tensor in code.tensors.items()}
        if any(code.coarse is None for code in codes):
            like.pop('coarse', None)

        def rows(code: LatentCode, name: str) -> Tensor:
            if name in code.tensors:
                return code.tensors[name]
            return like[name].new_zeros(len(code), *like[name].shape[1:])  # colours or changes

        tensors = {name: torch.cat([rows(code, name) for code in codes]) for name in like}
        return replace(codes[0], **_fields(tensors))

    def to(self, *args, **kwargs) -> LatentCode:
        """Return the code on another device or in another dtype, as ``Tensor.to``."""
        return self.map(lambda tensor: tensor.to(*args, **kwargs))

    def detach(self) -> LatentCode:
        """Return the code without its autograd history."""
        return self.map(torch.Tensor.detach)

    def save(self, path: str | Path) -> None:
        """Write a safetensors file, whole or not at all; equal codes give equal files.

        Raises:
            OutputError: The file cannot be written.
        """
        facts = {'base_size': str(self.base_size), 'channel_order': self.channel_order}
        _KIND.save(path, self.tensors, facts, self.fingerprint)

    @classmethod
    def load(cls, path: str | Path, generator=None) -> LatentCode:
        """Read a code that :meth:`save` wrote, in float32 onto the CPU.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It is not a latent code, or not one of ``generator``, if that is given.
        """
        tensors, facts = _KIND.read(path, ('base', 'detail'), optional=(*_OPTIONAL, f'{_CHANGES}*'))
        try:
            code = cls(
                **_fields(tensors),
                fingerprint=facts[_KIND.generator],
                channel_order=facts.get('channel_order', 'bgr'),
            )
        except ValueError as error:
            raise ValueError(f'{path} is not a usable latent code: {error}') from error
        if generator is not None:
            generator.check_code(code, name=str(path))
        return code


def _fields(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the fields of a code from its tensors by their names in a file."""
    fields: dict[str, Any] = {k: v for k, v in tensors.items() if not k.startswith(_CHANGES)}
    changes = {k[len(_CHANGES) :]: v for k, v in tensors.items() if k.startswith(_CHANGES)}
    return {**dict.fromkeys(_OPTIONAL), **fields, 'changes': changes}
