# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Latent codes on disk: those of inversions, and the w+ codes of mmgen's projector."""

from __future__ import annotations

import functools
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..io import Projection, load_projections
from ..jobs.manifest import passed_over_note
from ..jobs.packed import packed_records, read_packed, shards_of
from ..models import BaseDetailGenerator
from ..models.generators.changes import differences
from ..structures import LatentCode

__all__ = [
    'CodeSource',
    'code_sources',
    'edit_projection',
    'find_codes',
    'load_codes',
]

_CODE, _CODES = 'code.safetensors', 'code*.safetensors'
_PROJECTIONS = ('.pt', '.pth')


def find_codes(inputs: str | os.PathLike | Iterable[str | os.PathLike]) -> list[Path]:
    """List the code files that files and folders of results stand for.

    Args:
        inputs (str | os.PathLike | Iterable): Code files, results of one image, output folders of
            :func:`mmgen_bdinvert.apis.invert_files`, packed or not, and ``project_result.pt`` of
            mmgen's projector, or its folder.

    Returns:
        list[Path]: At least one file, none of them twice.

    Raises:
        FileNotFoundError: An input does not exist.
        ValueError: A folder holds no code, or nothing was given.
    """
    inputs = [inputs] if isinstance(inputs, (str, os.PathLike)) else list(inputs)
    found: dict[Path, Path] = {}
    for item in map(Path, inputs):
        if item.is_dir():
            codes = (
                sorted(item.glob(_CODES))
                or sorted(p for p in item.glob(f'*/{_CODES}') if p.parent.name[0] != '.')
                or shards_of(item)
                or sorted(item.glob('project_result.pt'))
            )
            if not codes:
                raise ValueError(
                    f'The folder {str(item)!r} holds no code.safetensors: give an output folder of '
                    f'tools/invert.py.'
                )
        elif item.exists() or item in shards_of(_packed_folder(item)):
            codes = [item]
        else:
            raise FileNotFoundError(f'The code {str(item)!r} does not exist: check the path.')
        for path in codes:
            found.setdefault(path.resolve(), path)
    if not found:
        raise ValueError('At least one code file or folder must be given, but got none.')
    return list(found.values())


@dataclass(frozen=True)
class CodeSource:
    """The code of one image in a file.

    Args:
        path (Path): The file.
        image (str): In a file of projections, the name of the image file; in a shard of packed
            results, that of the results. Defaults to ''.
        projection (Projection | None): What it holds for that image. Defaults to None.
        record (Mapping | None): Where the image's results lie in the shard. Defaults to None.
    """

    path: Path
    image: str = ''
    projection: Projection | None = None
    record: Mapping[str, Any] | None = None

    @property
    def called(self) -> Path:
        """Path: What its results are named after, as most codes are called code.safetensors."""
        if self.record is not None:
            return Path(f'{self.image}.safetensors')
        if self.projection is not None:
            return Path(self.image)
        if not self.path.match(_CODES):
            return self.path
        folder = self.path.resolve().parent
        return folder.with_name(folder.name + self.path.name[len('code') :])

    def load(self, generator: BaseDetailGenerator) -> LatentCode:
        """Read the code, on the CPU; that of a projection is split, and carries its noise maps."""
        if self.projection is not None:
            return _split(generator, self.projection).to('cpu')
        if self.path.suffix in _PROJECTIONS:
            load_projections(self.path)  # says what is wrong with it
        if self.record is not None:
            files = read_packed(_packed_folder(self.path), self.image, {self.image: self.record})
            if _CODE not in files:
                raise ValueError(f'{self.path} holds no {_CODE} of {self.image!r}.')
            with tempfile.TemporaryDirectory() as folder:
                unpacked = Path(folder, _CODE)
                unpacked.write_bytes(files[unpacked.name])
                code = LatentCode.load(unpacked, generator)
        else:
            code = LatentCode.load(self.path, generator)
        if len(code) != 1:
            raise ValueError(f'{self.path} must hold the code of one image, but holds {len(code)}.')
        return code


def code_sources(
    paths: Iterable[str | os.PathLike], on_note: Callable[[str], object] | None = None
) -> list[CodeSource]:
    """List the codes in files: one for each image. A file that cannot be read counts as one."""
    sources, passed_over = [], Counter[str]()

    @functools.cache  # one manifest serves many shards
    def packed(folder: Path) -> dict[str, dict[str, Any]]:
        return packed_records(folder, passed_over)

    for path in map(Path, paths):
        projections = {}
        if path.suffix in _PROJECTIONS:
            try:
                projections = load_projections(path)
            except ValueError:
                pass  # said when it is to be loaded
        found = [CodeSource(path, image, p) for image, p in projections.items()]
        if path.suffix == '.tar':
            records = packed(_packed_folder(path))
            found = [
                CodeSource(path, name, record=record)
                for name, record in records.items()
                if record['shard'] == path.name
            ]
        sources += found or [CodeSource(path)]
    if on_note is not None and passed_over:
        on_note(passed_over_note(passed_over))
    return sources


def _packed_folder(shard: Path) -> Path:
    return shard.resolve().parent.parent


def load_codes(
    paths: Iterable[str | os.PathLike],
    generator: BaseDetailGenerator,
    on_refused: Callable[[Exception], object] | None = None,
    on_note: Callable[[str], object] | None = None,
) -> LatentCode:
    """Read the codes in files as one batch, in their order.

    Args:
        paths (Iterable[str | os.PathLike]): From :func:`find_codes`.
        generator (BaseDetailGenerator): Their generator.
        on_refused (Callable | None): Called with what is wrong with a file, which is then left out.
            Defaults to None: the first such error is raised.
        on_note (Callable | None): As for :func:`code_sources`. Defaults to None.

    Returns:
        LatentCode: The codes, on the CPU.

    Raises:
        FileNotFoundError, ValueError: A file, or every file, holds no code of this generator.
    """
    codes = []
    for source in code_sources(paths, on_note):
        try:
            codes.append(source.load(generator))
        except (FileNotFoundError, ValueError) as error:
            if on_refused is None:
                raise
            on_refused(error)
    if not codes:
        raise ValueError('None of the codes can be used.')
    return LatentCode.cat(codes)


@torch.no_grad()
def edit_projection(
    generator: BaseDetailGenerator, projection: Projection, code: LatentCode
) -> Projection:
    """Write an edit of a projection's detail code back into its w+.

    Args:
        generator (BaseDetailGenerator): The generator.
        projection (Projection): As it was projected.
        code (LatentCode): Its edited code; only the detail code (1, N - M, D) is used.

    Returns:
        Projection: Its w+ (N, D) from layer M on is that of ``code``; the image is rendered with
        the noise that was projected.

    Raises:
        ValueError: The projection does not fit the generator.
    """
    w_plus = _w_plus(generator, projection)
    w_plus[:, generator.first_detail :] = code.detail.to(w_plus)
    image = generator.render(_split(generator, replace(projection, latent=w_plus[0])))
    image = torch.nn.functional.adaptive_avg_pool2d(image, min(image.shape[-1], 256))[0]
    return replace(projection, latent=w_plus[0].cpu(), image=image.cpu())


@torch.no_grad()
def _split(generator: BaseDetailGenerator, projection: Projection) -> LatentCode:
    network = generator.generator
    names = [f'injected_noise_{i}' for i in range(network.num_injected_noises)]
    shapes = [getattr(network, name).shape for name in names]
    if [noise.shape for noise in projection.noises] != shapes:
        raise ValueError(
            f'A projection of this generator has noises of {[tuple(s) for s in shapes]}, but got '
            f'{[tuple(noise.shape) for noise in projection.noises]}.'
        )
    noises = {k: noise[None].to(generator.device) for k, noise in zip(names, projection.noises)}
    return generator.whole_code(_w_plus(generator, projection), differences(network, noises))


def _w_plus(generator: BaseDetailGenerator, projection: Projection) -> Tensor:
    """Return the w+ (1, N, D) of a projection, a copy on the generator's device."""
    latent = projection.latent.to(generator.device)
    return generator.to_w_plus(latent[None]) if latent.ndim == 1 else latent[None].clone()
