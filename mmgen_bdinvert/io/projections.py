# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What the projectors of mmgen and rosinality write: w+ codes of images and their noise maps."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from .saved import save_pickled
from .tensors import floats, read_file, shown_name

_NOISE = ('injected_noise', 'noise')  # mmgen's name, and rosinality's, whose images are RGB


@dataclass(frozen=True, eq=False, repr=False)
class Projection:
    """What another program found for one image.

    Args:
        latent (Tensor): w (D,) or w+ (N, D); of a base code all style vectors, or those after it.
        noises (tuple[Tensor, ...]): The noise of each layer, (1, 1, h, w), where it was optimised
            too. Defaults to none.
        image (Tensor | None): What a projector says they give, (3, H, W), BGR, about [-1, 1],
            reduced to 256 pixels where the generator makes more. Defaults to None.
        base (Tensor | None): A base code (C, s, s). Defaults to None.

    Raises:
        ValueError: A shape is another one.
    """

    latent: Tensor
    noises: tuple[Tensor, ...] = ()
    image: Tensor | None = None
    base: Tensor | None = None

    def __post_init__(self) -> None:
        shapes = [tuple(noise.shape) for noise in self.noises]
        if self.latent.ndim not in (1, 2):
            raise ValueError(f'A code is w (D,) or w+ (N, D), but got {tuple(self.latent.shape)}.')
        for name, value in (('An image', self.image), ('A base code', self.base)):
            if value is not None and value.ndim != 3:
                raise ValueError(f'{name} is (C, H, W), but got {tuple(value.shape)}.')
        if any(len(shape) != 4 or shape[:2] != (1, 1) for shape in shapes):
            raise ValueError(f'The noises of a projection are (1, 1, h, w), but got {shapes}.')


def load_projections(path: str | os.PathLike) -> dict[str, Projection]:
    """Read a ``project_result.pt``, or a file of rosinality's projector; no code in it is run.

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
    key = next((k for k in _NOISE if k in entry), _NOISE[0])
    noises = entry.get(key)
    parts = [entry.get('latent'), entry.get('img')]
    parts += noises if isinstance(noises, list) and noises else [None]
    right = set(entry) == {'img', 'latent', key}
    if not right or not all(isinstance(part, Tensor) for part in parts):
        found = ', '.join(f'{k} {type(value).__name__}'.strip() for k, value in entry.items())
        raise ValueError(
            f'{file} must hold tensors img and latent and a list of tensors {key} of each image, '
            f'but for {shown_name(name)!r} it holds {found or "nothing"}.'
        )
    names = ['latent', 'img', *(f'{key}.{i}' for i in range(len(parts) - 2))]
    try:
        latent, image, *noises = map(floats, parts, names)
        return Projection(latent, tuple(noises), image.flip(-3) if key == 'noise' else image)
    except ValueError as e:
        raise ValueError(f'{file}, {shown_name(name)!r}: {e}') from e
