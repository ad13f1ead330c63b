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

    Other inversions find images that depend on more. Their codes carry it, so that
    :meth:`BaseDetailGenerator.render` gives the image that was found.

    Args:
        base (Tensor): Base code of shape (n, C, s, s), any real values.
        detail (Tensor): Detail code of shape (n, N - M, D): the style vectors from the first one
            that is used after the base code.
        fingerprint (str): Fingerprint of the generator it belongs to; '' if unknown.
        channel_order (str): Channel order of that generator's images. Defaults to 'bgr'.
        colours (Tensor | None): What the layers before a StyleGAN2's base code add to the RGB
            image, (n, 3, s / 2, s / 2): of a w+ that was split. Defaults to None, nothing.
        changes (Mapping[str, Tensor]): Of tuned weights and noise maps, what each image adds to
            those of mmgen's generator, (n, …) by their name there. Defaults to nothing.
        coarse (Tensor | None): The style vectors before the first used one, (n, M, D), of a w+ that
            was split, as long as the base code is theirs. Defaults to None, unknown.

    Raises:
        ValueError: If the shapes are not of this form or the batch sizes differ.
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
        if (len(coarse), coarse[0], coarse[-1]) != (3, detail[0], detail[-1]):
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
        """Return the code with what a function makes of each of its tensors."""
        return self._with({name: function(tensor) for name, tensor in self.tensors.items()})

    def _with(self, tensors: Mapping[str, Tensor]) -> LatentCode:
        return replace(self, **{**dict.fromkeys(_OPTIONAL), **_fields(tensors)})

    @staticmethod
    def cat(codes: Sequence[LatentCode]) -> LatentCode:
        """Return codes of one generator as one batch."""
        parts = [code.tensors for code in codes]
        like = {name: tensor for part in parts for name, tensor in part.items()}
        if any(code.coarse is None for code in codes):
            like.pop('coarse', None)

        def rows(name: str) -> list[Tensor]:  # a code without colours or changes has zeros
            shape = like[name].shape[1:]
            return [
                part[name] if name in part else like[name].new_zeros(len(code), *shape)
                for part, code in zip(parts, codes)
            ]

        return codes[0]._with({name: torch.cat(rows(name)) for name in like})

    def to(self, *args, **kwargs) -> LatentCode:
        """Return the code on another device or in another dtype, as ``Tensor.to``."""
        return self.map(lambda tensor: tensor.to(*args, **kwargs))

    def detach(self) -> LatentCode:
        """Return the code without its autograd history."""
        return self.map(torch.Tensor.detach)

    def save(self, path: str | Path) -> None:
        """Write a safetensors file; nothing half-written stays, and equal codes are equal files.

        Args:
            path (str | Path): File, usually ``code.safetensors``.

        Raises:
            OutputError: If the file cannot be written.
        """
        facts = {'base_size': str(self.base_size), 'channel_order': self.channel_order}
        _KIND.save(path, self.tensors, facts, self.fingerprint)

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
    """Turn names in a file into names of fields."""
    fields: dict[str, Any] = {k: v for k, v in tensors.items() if not k.startswith(_CHANGES)}
    changes = {k[len(_CHANGES) :]: v for k, v in tensors.items() if k.startswith(_CHANGES)}
    return {**fields, 'changes': changes}
