# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Latent codes on disk: those of inversions, and those of other programs."""

from __future__ import annotations

import contextlib
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

from bdinvert_cli.options import IMAGE_SUFFIXES
from bdinvert_cli.paths import check_no_picture

from ..converters.codes import read_codes
from ..io import Projection
from ..jobs.manifest import passed_over_note
from ..jobs.packed import packed_records, read_packed, shards_of
from ..models import BaseDetailGenerator
from ..models.generators.changes import differences
from ..structures import LatentCode

__all__ = ['CodeSource', 'code_sources', 'edit_projection', 'find_codes', 'load_codes']

_CODE, _CODES = 'code.safetensors', 'code*.safetensors'
_FOREIGN = ('.pt', '.pth', '.npy', '.npz')
# Files of other programs that a folder stands for.
_KNOWN = (
    'project_result.pt',
    'latents.pt',
    'latents.npy',
    'projected_w.npz',
    '0.pt',
    'invert_basecode/*.npy',
)


def find_codes(inputs: str | os.PathLike | Iterable[str | os.PathLike]) -> list[Path]:
    """List the code files in files and folders of results.

    Args:
        inputs (str | os.PathLike | Iterable): Code files, results of one image, output folders of
            :func:`mmgen_bdinvert.apis.invert_files`, packed or not, and codes of other programs
            (``.pt``, ``.npy``, ``.npz``; of BDInvert's authors one of a pair) or their folders.

    Returns:
        list[Path]: At least one file, none of them twice.

    Raises:
        FileNotFoundError: An input does not exist.
        ValueError: A folder has no code, a file is a picture, or nothing was given.
    """
    inputs = [inputs] if isinstance(inputs, (str, os.PathLike)) else list(inputs)
    found: dict[Path, Path] = {}
    for item in map(Path, inputs):
        if item.is_dir():
            codes = (
                sorted(item.glob(_CODES))
                or sorted(p for p in item.glob(f'*/{_CODES}') if p.parent.name[0] != '.')
                or shards_of(item)
                or [path for name in _KNOWN for path in sorted(item.glob(name))]
            )
            if not codes:
                images = any(path.suffix.lower() in IMAGE_SUFFIXES for path in item.iterdir())
                advice = 'invert its pictures first, and give' if images else 'give'
                raise ValueError(
                    f'The folder {str(item)!r} holds no code.safetensors: {advice} an output '
                    f'folder of bdinvert invert.'
                )
        elif item.exists() or item in shards_of(_packed_folder(item)):
            check_no_picture(item)
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

    In a file of another program it has what that found as a ``projection`` and the name of the
    ``image``; in a shard the ``record`` of the results and their name.
    """

    path: Path
    image: str = ''
    projection: Projection | None = None
    record: Mapping[str, Any] | None = None

    @property
    def name_source(self) -> Path:
        """The path that results are named after, as most codes are called code.safetensors."""
        if self.record is not None:
            return Path(f'{self.image}.safetensors')
        if self.projection is not None:
            return Path(self.image)
        if not self.path.match(_CODES):
            return self.path
        folder = self.path.resolve().parent
        return folder.with_name(folder.name + self.path.name[len('code') :])

    @property
    def is_written_back(self) -> bool:
        """bool: Whether it is of a projector, whose file an edit writes as well."""
        return self.projection is not None and self.projection.image is not None

    def load(self, generator: BaseDetailGenerator) -> LatentCode:
        """Read the code, on the CPU; a projection is split, and keeps its noise maps."""
        if self.projection is not None:
            try:
                return _split(generator, self.projection).to('cpu')
            except ValueError as error:
                raise ValueError(f'{self.path} does not fit: {error}') from error
        if self.path.suffix in _FOREIGN:
            read_codes(self.path)  # says what is wrong with it
        if self.record is not None:
            files = read_packed(_packed_folder(self.path), self.image, {self.image: self.record})
            if _CODE not in files:
                raise ValueError(f'{self.path} holds no {_CODE} of {self.image!r}.')
            with tempfile.TemporaryDirectory() as folder:
                unpacked = Path(folder, _CODE)
                unpacked.write_bytes(files[_CODE])
                code = LatentCode.load(unpacked, generator)
        else:
            code = LatentCode.load(self.path, generator)
        if len(code) != 1:
            raise ValueError(f'{self.path} must hold the code of one image, but holds {len(code)}.')
        return code


def code_sources(
    paths: Iterable[str | os.PathLike], on_note: Callable[[str], object] | None = None
) -> list[CodeSource]:
    """List the codes in files, one for each image; a file that cannot be read counts as one.

    ``on_note`` is called with a sentence on damaged records of packed results.
    """
    sources, passed_over = [], Counter[str]()

    @functools.cache  # many shards have one manifest
    def packed(folder: Path) -> dict[str, dict[str, Any]]:
        return packed_records(folder, passed_over)

    for path in map(Path, paths):
        found = []
        if path.suffix in _FOREIGN:
            with contextlib.suppress(ValueError):  # load() raises it again
                found = [CodeSource(path, image, p) for image, p in read_codes(path).items()]
        elif path.suffix == '.tar':
            found = [
                CodeSource(path, name, record=record)
                for name, record in packed(_packed_folder(path)).items()
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
    """Read the codes in files as one batch on the CPU, in their order.

    ``on_refused`` is called with the error of a file, which is then left out; without it, the first
    such error is raised.
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
    """Return a projection with the detail code (1, N - M, D) of its edit in its w+ (N, D).

    Its image is rendered with the noise maps of the original projection.
    """
    w_plus = _w_plus(generator, projection)
    w_plus[:, generator.first_detail :] = code.detail.to(w_plus)
    image = generator.render(_split(generator, replace(projection, latent=w_plus[0])))
    image = torch.nn.functional.adaptive_avg_pool2d(image, min(image.shape[-1], 256))[0]
    return replace(projection, latent=w_plus[0].cpu(), image=image.cpu())


@torch.no_grad()
def _split(generator: BaseDetailGenerator, projection: Projection) -> LatentCode:
    latent, base = projection.latent, projection.base
    if base is not None:
        if latent.shape[0] == generator.num_latents:  # those before M reach no pixel
            latent = latent[generator.first_detail :]
        code = generator.code(base[None], latent[None])
        generator.check_code(code)
        return code
    network, changes = generator.generator, {}
    if projection.noises:
        names = [f'injected_noise_{i}' for i in range(network.num_injected_noises)]
        shapes = [getattr(network, name).shape for name in names]
        if [noise.shape for noise in projection.noises] != shapes:
            raise ValueError(
                f'A projection of this generator has noises of {[tuple(s) for s in shapes]}, but '
                f'got {[tuple(noise.shape) for noise in projection.noises]}.'
            )
        own = {k: noise[None].to(generator.device) for k, noise in zip(names, projection.noises)}
        changes = differences(network, own)
    return generator.whole_code(_w_plus(generator, projection), changes)


def _w_plus(generator: BaseDetailGenerator, projection: Projection) -> Tensor:
    """Return a copy of the w+ (1, N, D) of a projection, on the generator's device."""
    latent = projection.latent.to(generator.device)
    return generator.to_w_plus(latent[None]) if latent.ndim == 1 else latent[None].clone()
