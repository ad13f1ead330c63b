# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The ``project_result.pt`` of mmgen's ``apps/stylegan_projector.py``: w+ codes of images."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from .saved import save_pickled
from .tensors import floats, read_file, shown_name

__all__ = ['Projection', 'load_projections', 'save_projections']

_KEYS = {'img', 'latent', 'injected_noise'}


@dataclass(frozen=True, eq=False, repr=False)
class Projection:
    """What mmgen's projector found for one image.

    Args:
        latent (Tensor): w (D,), or with the projector's ``--w-plus`` w+ (N, D).
        noises (tuple[Tensor, ...]): The noise of each layer, (1, 1, h, w), which it optimises too.
        image (Tensor): The result, (3, H, W) in the generator's channel order, about [-1, 1],
            reduced to 256 pixels where the generator makes more.

    Raises:
        ValueError: A shape is another one, or a value is not finite.
    """

    latent: Tensor
    noises: tuple[Tensor, ...]
    image: Tensor

    def __post_init__(self) -> None:
        shapes = [tuple(noise.shape) for noise in self.noises]
        if self.latent.ndim not in (1, 2) or self.image.ndim != 3:
            raise ValueError(
                f'A projection has a latent (D,) or (N, D) and an image (3, H, W), but got '
                f'{tuple(self.latent.shape)} and {tuple(self.image.shape)}.'
            )
        if any(len(shape) != 4 or shape[:2] != (1, 1) for shape in shapes):
            raise ValueError(f'The noises of a projection are (1, 1, h, w), but got {shapes}.')
        if not all(t.isfinite().all() for t in (self.latent, self.image, *self.noises)):
            raise ValueError('A projection holds finite numbers, but got NaN or infinite ones.')


def load_projections(path: str | os.PathLike) -> dict[str, Projection]:
    """Read a ``project_result.pt``; no code in it is run.

    Args:
        path (str | os.PathLike): The file.

    Returns:
        dict[str, Projection]: By the name of the image file; on the CPU.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is of another kind, damaged, or holds more than tensors and plain data.
    """
    file = Path(path)
    content = read_file(file, 'file of projections')
    if not isinstance(content, dict) or not content:
        raise ValueError(f'{file} must hold a dict of projections, but holds none.')
    return {str(name): _checked(file, name, entry) for name, entry in content.items()}


def save_projections(path: str | os.PathLike, projections: Mapping[str, Projection]) -> None:
    """Write a ``project_result.pt`` as mmgen's projector does, atomically.

    Args:
        path (str | os.PathLike): The file.
        projections (Mapping[str, Projection]): By the name of the image file.

    Raises:
        OutputError: It cannot be written.
    """
    content = OrderedDict(
        (
            name,
            {
                'img': p.image.detach().cpu(),
                'latent': p.latent.detach().cpu(),
                'injected_noise': [noise.detach().cpu() for noise in p.noises],
            },
        )
        for name, p in projections.items()
    )
    save_pickled(path, content)


def _checked(file: Path, name: object, entry: object) -> Projection:
    entry = entry if isinstance(entry, dict) else {'': entry}
    noises = entry.get('injected_noise')
    parts = [entry.get('latent'), entry.get('img')]
    parts += noises if isinstance(noises, list) and noises else [None]
    if set(entry) != _KEYS or not all(isinstance(part, Tensor) for part in parts):
        found = ', '.join(f'{key} {type(value).__name__}'.strip() for key, value in entry.items())
        raise ValueError(
            f'{file} must hold tensors img and latent and a list of tensors injected_noise of each '
            f'image, as mmgen projects them, but for {shown_name(name)!r} it holds '
            f'{found or "nothing"}.'
        )
    names = ['latent', 'img', *(f'injected_noise.{i}' for i in range(len(parts) - 2))]
    try:
        latent, image, *noises = map(floats, parts, names)
        return Projection(latent, tuple(noises), image)
    except ValueError as e:
        raise ValueError(f'{file}, {shown_name(name)!r}: {e}') from e
