# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What a session can be saved as: the whole photo, the square, its code, and a video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ..apis import render
from ..apis.whole_photos import save_photos
from ..io import save_png, save_video
from ..io.video import check_video_path
from ..structures import LatentCode
from ..visualization.grid import MIN_TILE
from .session import WHOLE, Session
from .studio import Studio, frames_of, of_photo

__all__ = ['photo_to_png', 'square_to_png', 'to_code', 'to_mp4']

_FRAMES, _HELD, _FPS = 24, 14, 16  # of a video; how many show its start and its end


def photo_to_png(studio: Studio, session: Session, path: Path) -> None:
    """Save the photo with the edit in it, at its own resolution.

    Raises:
        ValueError: There is no photo, or its file is no longer there.
    """
    photo = session.photo
    if photo is None:
        raise ValueError('A code has no photo: open the photo that it is from.')
    before, after, motion = studio.put_back(session, session.edit.in_place)
    shown = dict(before=before, original=session.reconstruction, motion=motion)
    of_photo(photo, lambda: save_photos(photo.place, {path: after}, **shown))


def square_to_png(studio: Studio, session: Session, path: Path) -> None:
    """Save the edited picture."""
    save_png(path, studio.picture(session))


def to_code(studio: Studio, session: Session, path: Path) -> None:
    """Save the edited code."""
    studio.edited_code(session).save(path)


def to_mp4(studio: Studio, session: Session, path: Path) -> None:
    """Save a video of the way from the reconstruction to the edit and back.

    It shows the whole photo while the session looks at it, else the square.

    Raises:
        ValueError: Nothing is edited, or the file of the photo is no longer there.
        ImportError: PyAV is missing.
    """
    check_video_path(path, _FPS)
    whole = session.view == WHOLE and session.photo is not None
    edit = session.edit.in_place if whole else session.edit
    if edit.is_nothing:
        raise ValueError('A video shows the way to an edit, but nothing is edited yet.')
    shares = [i / (_FRAMES - 1) for i in range(_FRAMES)]
    if whole:
        photo = session.photo
        frames = of_photo(photo, lambda: frames_of(photo, session.reconstruction))
        pictures = [frames(*studio.put_back(session, edit.at(share))) for share in shares]
    else:
        codes = [_on_the_way(studio, session, share) for share in shares]
        factor = -(-MIN_TILE // studio.inverter.generator.resolution)
        shown = (render(studio.inverter, code)[0] for code in codes)
        pictures = [picture.repeat(factor, 0).repeat(factor, 1) for picture in shown]
    save_video(path, _forth_and_back(pictures), _FPS)


def _on_the_way(studio: Studio, session: Session, share: float) -> LatentCode:
    """Return the code at a share of the way to the edit; a completed face fades in."""
    inverter, directions, way = studio.inverter, studio.directions, session.edit.at(share)
    code = way.apply(inverter, session.code, directions)
    whole = session.completed
    if whole is None or not session.edit.straightened:
        return code
    base = way.apply(inverter, whole.code, directions, whole.motion).base
    colours = None if code.colours is None else (1 - share) * code.colours
    return replace(code, base=torch.lerp(code.base, base, share), colours=colours, coarse=None)


def _forth_and_back(pictures: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Hold the first and the last, and come back to the first."""
    first, *between, last = pictures
    yield from (*[first] * _HELD, *between, *[last] * _HELD, *between[::-1])
