# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Moving and editing many latent codes into a folder of results."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..editing import Direction, load_direction
from ..editing.directions import checked_strength
from ..geometry import GeometricTransform
from ..io import OutputError, ensure_writable_folder, output_names, save_png
from ..io.results import Sheet, save_config
from ..models import BaseDetailGenerator
from ..structures import LatentCode
from ..visualization import comparison
from .inference import Renderer, edit, generator_of, render, transform

__all__ = ['EditOutcome', 'edit_files', 'find_codes', 'recorded_config']

_CODES = 'code*.safetensors'
_SHEET = 'contact_sheet.png'
_IDENTITY = GeometricTransform()


@dataclass(frozen=True)
class EditOutcome:
    """What became of one code.

    Args:
        name (str): Name of its folder in the output folder.
        source (Path): The code file.
        status (str): 'done' or 'failed'.
        reason (str): Why it failed, in one sentence. Defaults to ''.
    """

    name: str
    source: Path
    status: str
    reason: str = ''


def find_codes(inputs: str | os.PathLike | Iterable[str | os.PathLike]) -> list[Path]:
    """List the code files that files and folders of results stand for.

    Args:
        inputs (str | os.PathLike | Iterable): Code files, results of one image, and output folders
            of :func:`mmgen_bdinvert.apis.invert_files`.

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
            codes = sorted(item.glob(_CODES)) or sorted(item.glob(f'*/{_CODES}'))
            if not codes:
                raise ValueError(
                    f'The folder {str(item)!r} holds no code.safetensors: give an output folder of '
                    f'tools/invert.py.'
                )
        elif item.exists():
            codes = [item]
        else:
            raise FileNotFoundError(f'The code {str(item)!r} does not exist: check the path.')
        for path in codes:
            found.setdefault(path.resolve(), path)
    if not found:
        raise ValueError('At least one code file or folder must be given, but got none.')
    return list(found.values())


def recorded_config(codes: Iterable[str | os.PathLike]) -> Path:
    """Find the ``config.py`` that an inversion left beside its codes.

    Args:
        codes (Iterable[str | os.PathLike]): Code files.

    Returns:
        Path: The config.

    Raises:
        FileNotFoundError: There is none beside a code.
        ValueError: The codes come with different ones.
    """
    configs: dict[str, Path] = {}
    for code in map(Path, codes):
        folders = (code.resolve().parent, code.resolve().parent.parent)
        path = next((f / 'config.py' for f in folders if (f / 'config.py').is_file()), None)
        if path is None:
            raise FileNotFoundError(
                f'There is no config.py beside the code {str(code)!r}: name the config that it was '
                f'inverted with (--config).'
            )
        configs.setdefault(path.read_text('utf-8'), path)
    if len(configs) != 1:
        raise ValueError(
            f'Codes of one config are edited at a time, but got codes of '
            f'{" and ".join(repr(str(p)) for p in configs.values())}.'
        )
    return next(iter(configs.values()))


def edit_files(
    inverter: Renderer,
    inputs: str | os.PathLike | Iterable[str | os.PathLike],
    out_dir: str | os.PathLike,
    *,
    directions: Sequence[Direction | str | os.PathLike] = (),
    strengths: Sequence[float] = (1.0,),
    layers: Sequence[int] | None = None,
    move: GeometricTransform = _IDENTITY,
    on_code: Callable[[EditOutcome], object] | None = None,
) -> list[EditOutcome]:
    """Move and edit code files, and save codes and pictures.

    For each code ``<out_dir>/<name>/`` gets ``comparison.png`` and, with one strength,
    ``edited.png`` and ``code.safetensors``; with several, ``edited_<strength>.png`` and
    ``code_<strength>.safetensors`` for each. The run gets ``contact_sheet.png``. A code that
    cannot be read or saved is noted, and the others go on.

    Args:
        inverter (OptimizationInverter | BaseDetailGenerator): Holds the generator.
        inputs (str | os.PathLike | Iterable): As for :func:`find_codes`.
        out_dir (str | os.PathLike): Folder for the results; not the one of the codes.
        directions (Sequence): Directions or their files, which are added up. Defaults to none.
        strengths (Sequence[float]): Factors of the directions. Defaults to (1.0,).
        layers (Sequence[int] | None): As for :func:`mmgen_bdinvert.apis.edit`. Defaults to None.
        move (GeometricTransform): Defaults to no motion.
        on_code (Callable | None): Called with every :class:`EditOutcome`.

    Returns:
        list[EditOutcome]: One for each code.

    Raises:
        FileNotFoundError: An input or a direction does not exist.
        ValueError: There is nothing to do, or directions or layers do not fit the generator.
        OutputError: The folder cannot be written to.

    Example:
        >>> outcomes = edit_files(
        ...     inverter, 'results', 'moved', move=GeometricTransform(shift=(0.25, 0.0))
        ... )
        >>> outcomes[0].name, outcomes[0].status
        ('photo', 'done')
    """
    if not directions and move.is_identity:
        raise ValueError('There is nothing to do: give a direction, or a motion.')
    directions = [d if isinstance(d, Direction) else load_direction(d) for d in directions]
    strengths = list(dict.fromkeys(map(checked_strength, strengths))) if directions else [0.0]
    if not strengths:
        raise ValueError('At least one strength must be given, but got none.')
    generator = generator_of(inverter)
    for direction in directions:  # before anything is written
        direction.offset(generator, layers)
    codes = find_codes(inputs)
    names = output_names(map(_result_name, codes), reserved=(_SHEET, 'config.py'))
    out_dir = ensure_writable_folder(out_dir)
    for path, name in zip(codes, names):
        if (out_dir / name).resolve() == path.resolve().parent:
            raise ValueError(
                f'The results would overwrite the code {str(path)!r}: choose another output folder.'
            )

    save_config(out_dir, inverter)
    outcomes, sheet = [], Sheet()
    try:
        for path, name in zip(codes, names):
            outcome = EditOutcome(name, path, 'done')
            try:
                code = _load(path, generator)
                moved = transform(generator, code, move)
                results = {}
                for strength in strengths:
                    results[strength] = moved
                    for d in directions:
                        results[strength] = edit(generator, results[strength], d, strength, layers)
                shown = {'before': code}
                if not move.is_identity:
                    shown[f'moved\n{_describe(move)}'] = moved
                if directions:
                    called = ' + '.join(d.name for d in directions)
                    shown.update({f'strength {s:g}\n{called}': c for s, c in results.items()})
                pictures = {caption: render(generator, c)[0] for caption, c in shown.items()}
                _save(ensure_writable_folder(out_dir / name), name, results, pictures)
                sheet.add(name, pictures)
            except (FileNotFoundError, OutputError, ValueError) as error:
                outcome = EditOutcome(name, path, 'failed', str(error))
            outcomes.append(outcome)
            if on_code is not None:
                on_code(outcome)
    finally:
        sheet.save(out_dir / _SHEET)
    return outcomes


def _result_name(code: Path) -> Path:
    """Name a code after its folder, as all of them are called code.safetensors."""
    if not code.match(_CODES):
        return code
    return code.resolve().parent.with_name(code.resolve().parent.name + code.name[len('code') :])


def _describe(move: GeometricTransform) -> str:
    (dx, dy), parts = move.shift, []
    if move.flip:
        parts.append('flip')
    if move.scale != 1:
        parts.append(f'scale {move.scale:g}')
    if move.rotate:
        parts.append(f'rotate {move.rotate:g}')
    if dx or dy:
        parts.append(f'shift {dx:g} {dy:g}')
    return ', '.join(parts)


def _load(path: Path, generator: BaseDetailGenerator) -> LatentCode:
    code = LatentCode.load(path, generator)
    if len(code) != 1:
        raise ValueError(f'{path} must hold the code of one image, but holds {len(code)}.')
    return code


def _save(
    folder: Path,
    name: str,
    results: Mapping[float, LatentCode],
    pictures: Mapping[str, np.ndarray],
) -> None:
    rendered = list(pictures.values())[-len(results) :]
    for (strength, code), picture in zip(results.items(), rendered):
        ending = f'_{strength:g}' if len(results) > 1 else ''
        save_png(folder / f'edited{ending}.png', picture)
        code.save(folder / f'code{ending}.safetensors')
    save_png(folder / 'comparison.png', comparison(pictures, title=name))
