# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Moving and editing many latent codes into a folder of results."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from ..editing import StyleEdit
from ..geometry import GeometricTransform, Transform, inverse, transform_image
from ..io import (
    OutputError,
    StorageError,
    claim_folder,
    claim_outputs,
    ensure_writable_folder,
    image_to_tensor,
    output_names,
    refuse_inputs,
    save_png,
    save_projections,
    tensor_to_image,
)
from ..io.tables import save_json
from ..jobs.folder import SETTINGS_FILE, model_settings
from ..jobs.results import CONFIG_FILE, Sheet, save_config
from ..models.inverters.regularized import RegularizedInverter
from ..photos import InPhoto
from ..structures import LatentCode
from ..utils.numbers import finite_number
from ..visualization import comparison
from .codes import CodeSource, code_sources, edit_projection, find_codes
from .inference import Renderer, edit, generator_of, given_direction, render
from .motion import transform
from .straightening import check_straightens, found_motions, straighten
from .whole_photos import places_of, save_photos, shown_of

__all__ = ['EditOutcome', 'edit_files']

_MAKER = 'edit'
_SHEET = 'contact_sheet.png'
_IDENTITY = GeometricTransform()


@dataclass(frozen=True)
class EditOutcome:
    """The outcome of one code.

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


def edit_files(
    inverter: Renderer,
    inputs: str | os.PathLike | Iterable[str | os.PathLike],
    out_dir: str | os.PathLike,
    *,
    directions: Sequence[StyleEdit | str | os.PathLike] = (),
    strengths: Sequence[float] = (1.0,),
    layers: Sequence[int] | None = None,
    move: Transform = _IDENTITY,
    align: bool | str = False,
    and_back: bool = False,
    complete: bool = False,
    padding_mode: str = 'border',
    sampling: str = 'bicubic',
    on_code: Callable[[EditOutcome], object] | None = None,
    on_note: Callable[[str], object] | None = None,
) -> list[EditOutcome]:
    """Move and edit code files, and save codes and pictures.

    Each code gets ``comparison.png``, ``edited.png`` and ``code.safetensors`` in
    ``<out_dir>/<name>/``; with several strengths ``edited_<strength>.png`` and
    ``code_<strength>.safetensors`` for each. Of a window of a photo there is also the photo with
    the edit in it, ``photo.png`` or ``photo_<strength>.png``. The run gets ``contact_sheet.png``,
    ``config.py`` and ``settings.json`` with the model. A code that cannot be read or saved is
    recorded, and the others go on; only a full or broken disk ends the run.

    A w or w+ of another program is split into base and detail code. One of a projector keeps its
    noise maps, and its edited w+ is saved beside the code as mmgen's ``project_result.pt``, unless
    it is moved: a w+ cannot represent motion.

    Args:
        inverter (OptimizationInverter | BaseDetailGenerator): Has the generator.
        inputs (str | os.PathLike | Iterable): As for :func:`find_codes`.
        out_dir (str | os.PathLike): Folder for the results; not the one of the codes.
        directions (Sequence): Directions and targets, their names or files, one after the other;
            ``2 * direction`` gives one a factor of its own. Defaults to none.
        strengths (Sequence[float]): Factors of the directions. Defaults to (1.0,).
        layers (Sequence[int] | None): As for :func:`mmgen_bdinvert.apis.edit`. Defaults to None.
        move (Transform): Defaults to no motion.
        align (bool | str): Undo ``move`` instead, which aligns the face of a photo that ``move``
            took out of alignment; or 'auto', which undoes the motion that each face was found
            with; with ``complete``, where no face is on record, the one that the detail encoder
            finds. Defaults to False.
        and_back (bool): With ``align``, keep the edited face where the photo shows it: the base
            code is not changed. Aligned views of the edit are saved beside it, ``aligned.png`` by
            the base code and ``unwarped.png`` by the pixels (one of each for several strengths).
            Defaults to False.
        complete (bool): With ``align``, invert the aligned face once more, and complete what the
            photo does not show, see :func:`mmgen_bdinvert.apis.straighten`, which needs a
            RegularizedInverter. Defaults to False.
        padding_mode (str): As for :func:`mmgen_bdinvert.apis.transform`. Defaults to 'border'.
        sampling (str): ``mode`` of :func:`mmgen_bdinvert.apis.transform`. Defaults to 'bicubic'.
        on_code (Callable | None): Called with every :class:`EditOutcome`.
        on_note (Callable | None): As for :func:`mmgen_bdinvert.apis.codes.code_sources`.

    Returns:
        list[EditOutcome]: One for each code.

    Raises:
        FileNotFoundError: An input or a direction does not exist.
        ValueError: There is nothing to do, or directions or layers do not fit the generator.
        ForeignFileError: The folder has files that the package did not make (see
            :func:`mmgen_bdinvert.io.claim_folder`), or an input is where a result would go.
        OutputError: The folder cannot be written to.

    Example:
        >>> outcomes = edit_files(
        ...     inverter, 'results', 'moved', move=GeometricTransform(shift=(0.25, 0.0))
        ... )
        >>> outcomes[0].name, outcomes[0].status
        ('photo', 'done')
    """
    auto = align == 'auto'
    if auto and not move.is_identity:
        raise ValueError("The face says the motion that align='auto' undoes: give none beside it.")
    if not directions and move.is_identity and not auto:
        raise ValueError('There is nothing to do: give a direction, or a motion.')
    if and_back and not (align and directions):
        raise ValueError('There is nothing to bring back: and_back needs align and a direction.')
    if complete and (not align or (move.is_identity and not auto)):
        raise ValueError('complete straightens a face: it needs align, and a motion to undo.')
    if complete and (padding_mode, sampling) != ('border', 'bicubic'):
        raise ValueError('complete moves no base code: padding_mode and sampling do not apply.')
    straightens = check_straightens(inverter) if complete else None
    given = directions
    directions = [given_direction(inverter, direction) for direction in given]
    factors = [finite_number('strength', s) for s in strengths] if directions else [0.0]
    strengths = list(dict.fromkeys(factors))
    if not strengths:
        raise ValueError('At least one strength must be given, but got none.')
    generator = generator_of(inverter)
    for direction in directions:  # before anything is written
        direction.places(generator, layers)
    sources = code_sources(find_codes(inputs), on_note)
    reserved = (_SHEET, CONFIG_FILE, SETTINGS_FILE, 'report.html')
    names = output_names([s.name_source for s in sources], reserved=reserved)
    kinds = ('edited', 'aligned', 'unwarped') if and_back else ('edited',)
    write_back = and_back or (move.is_identity and not auto)  # a w+ cannot hold motion
    places = places_of(sources, on_note)
    files = [
        _file_names(
            (*kinds, *(('photo',) if place and not place.fault else ())),
            strengths,
            write_back and s.is_written_back,
        )
        for s, place in zip(sources, places)
    ]
    planned = [Path(out_dir, name, file) for name, new in zip(names, files) for file in new]
    run_files = [Path(out_dir, _SHEET), Path(out_dir, SETTINGS_FILE)]
    refuse_inputs([*planned, *run_files], [*(s.path for s in sources), *given])
    out_dir = claim_folder(out_dir, _MAKER)

    claim_outputs(run_files, _MAKER)
    save_config(out_dir, inverter, _MAKER)
    model = model_settings(inverter)
    if model is not None:
        save_json(out_dir / SETTINGS_FILE, {'model': model})
    outcomes, sheet, ended = [], Sheet(), False
    try:
        for source, place, name, new in zip(sources, places, names, files):
            outcome = EditOutcome(name, source.path, 'done')
            try:
                code = source.load(generator)
                left = _motion_of(place, source, straightens, code) if auto else move
                motion = inverse(left) if align else left
                if straightens is None:
                    options = dict(padding_mode=padding_mode, mode=sampling)
                    moved = transform(generator, code, motion, **options)
                else:
                    seen = shown_of(place, generator.resolution)
                    moved = straighten(straightens, code, left, shown=seen)
                shown = {'before': code}
                if not motion.is_identity:
                    how = 'completed' if complete else 'as found' if auto else motion.describe()
                    shown[f'{"aligned" if align else "moved"}\n{how}'] = moved
                results = {strength: moved for strength in strengths}
                for d in directions:
                    results = {s: edit(generator, c, d, s, layers) for s, c in results.items()}
                called = ' + '.join(d.name for d in directions)
                if directions:
                    shown.update({f'strength {s:g}\n{called}': c for s, c in results.items()})
                if and_back:
                    still = dict(base=code.base, colours=code.colours, coarse=code.coarse)
                    results = {s: replace(c, **still) for s, c in results.items()}
                    shown.update({f'strength {s:g}, back\n{called}': c for s, c in results.items()})
                pictures = {caption: render(generator, c)[0] for caption, c in shown.items()}
                count, rendered = len(results), list(pictures.values())
                saved = {'edited': rendered[-count:]}
                if and_back:
                    saved['aligned'] = rendered[-2 * count : -count]
                    saved['unwarped'] = [_warped(p, motion) for p in saved['edited']]
                    for strength, picture in zip(results, saved['unwarped']):
                        pictures[f'strength {strength:g}, unwarped\n{called}'] = picture
                folder = ensure_writable_folder(out_dir / name)
                claim_outputs([folder / file for file in new], _MAKER)
                if place is not None and not place.fault:
                    endings = [_ending(strength, results) for strength in results]
                    paths = [folder / f'photo{ending}.png' for ending in endings]
                    stays = and_back or motion.is_identity
                    save_photos(
                        place,
                        dict(zip(paths, saved['edited'])),
                        before=rendered[0 if stays else 1],
                        original=rendered[0],
                        motion=None if stays else motion,
                    )
                for i, (strength, edited) in enumerate(results.items()):
                    ending = _ending(strength, results)
                    for kind, images in saved.items():
                        save_png(folder / f'{kind}{ending}.png', images[i])
                    edited.save(folder / f'code{ending}.safetensors')
                    if source.projection is not None and source.is_written_back and write_back:
                        projection = edit_projection(generator, source.projection, edited)
                        file = folder / f'project_result{ending}.pt'
                        save_projections(file, {source.image: projection})
                title = f'{name}: {motion.describe()}' if auto or complete else name
                save_png(folder / 'comparison.png', comparison(pictures, title=title))
                sheet.add(name, pictures)
            except StorageError:
                raise
            except (FileNotFoundError, OutputError, ValueError) as error:
                outcome = EditOutcome(name, source.path, 'failed', str(error))
            outcomes.append(outcome)
            if on_code is not None:
                on_code(outcome)
        ended = True
    finally:
        # After an error such as a full disk, the first error is raised, not one that follows.
        with contextlib.suppress(*() if ended else (OutputError,)):
            sheet.save(out_dir / _SHEET)
    return outcomes


def _motion_of(
    place: InPhoto | None,
    source: CodeSource,
    inverter: RegularizedInverter | None,
    code: LatentCode,
) -> Transform:
    """Return the motion by which a face left alignment: by its landmarks, or a detail encoder."""
    if place is not None and place.face is not None:
        return place.face.motion(place.window)
    if inverter is not None and inverter.detail_encoder is not None:
        with torch.no_grad():
            images = inverter.generator.render(code.to(inverter.generator.device))
        return found_motions(inverter, images.clamp(-1, 1))[0]
    raise ValueError(
        f'No face is on record for {os.fspath(source.path)!r}: invert its photo with --find, say '
        f'by which motion it left alignment, or --complete it by a config with a detail encoder.'
    )


def _file_names(kinds: Sequence[str], strengths: Sequence[float], projected: bool) -> list[str]:
    """List all files that one code may get."""
    names = ['comparison.png']
    for ending in (_ending(strength, strengths) for strength in strengths):
        names += [f'{kind}{ending}.png' for kind in kinds]
        names.append(f'code{ending}.safetensors')
        if projected:
            names.append(f'project_result{ending}.pt')
    return names


def _ending(strength: float, strengths: Collection[float]) -> str:
    return f'_{strength:g}' if len(strengths) > 1 else ''


def _warped(picture: np.ndarray, motion: Transform) -> np.ndarray:
    """Move the pixels of an RGB uint8 picture (H, W, 3)."""
    return tensor_to_image(transform_image(image_to_tensor(picture), motion, mode='bicubic'))
