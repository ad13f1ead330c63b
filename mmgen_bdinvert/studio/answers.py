# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What the page shows of a session: new values of its parts, by their names."""

from __future__ import annotations

from typing import Any

import numpy as np

from bdinvert_cli.sentences import one_sentence

from ..evaluation import psnr
from ..io import image_to_tensor
from ..photos import Window
from .display import look, message, warned
from .live_inversion import InversionStep
from .photo import Photo
from .session import SQUARES, WHOLE, Session
from .studio import Studio

Shown = dict[str, Any]
_KNOWN = {
    'fits': 'The generator knows such faces',
    'doubtful': 'The generator may not know what the window shows',
    'does not fit': 'The generator does not know what the window shows',
}


def all_of(studio: Studio, session: Session) -> Shown:
    """Return every part that belongs to a session."""
    square = None if session.photo is None else session.photo.square
    return {
        'session': session,
        **window_of(session.photo),
        'original': look(square),
        'reconstruction': look(session.reconstruction),
        **edit_of(studio, session),
        **controls_of(session),
    }


def edit_of(studio: Studio, session: Session) -> Shown:
    """Return the edit, as the view of the session shows it."""
    picture = None if session.code is None else studio.picture(session)
    motion = session.edit.motion
    stage = {
        'picture': look(picture),
        'shift': motion.shift,
        'scale': motion.scale,
        'straightened': session.edit.straightened,
    }
    return {'session': session, 'stage': stage, **view_of(studio, session, picture)}


def view_of(studio: Studio, session: Session, picture: np.ndarray | None) -> Shown:
    """Return what is shown besides the squares."""
    if session.view == SQUARES:
        return {}
    if session.view == WHOLE:
        return {'whole': look(studio.whole_picture(session))}
    pictures = {
        'original': None if session.photo is None else session.photo.square,
        'reconstruction': session.reconstruction,
        'edit': picture,
    }
    pair = tuple(pictures[name] for name in session.view.split(' and '))
    return {'wipe': None if any(one is None for one in pair) else pair}


def controls_of(session: Session) -> Shown:
    """Return the positions of the controls."""
    edit, motion = session.edit, session.edit.motion
    values = {
        'straightened': edit.straightened,
        'shift_x': motion.shift[0],
        'shift_y': motion.shift[1],
        'rotate': motion.rotate,
        'scale': motion.scale,
        'flip': motion.flip,
    }
    return {**values, **{f'strength_{i}': value for i, value in enumerate(edit.strengths)}}


def opened(session: Session, *, looked: bool) -> str:
    """Say what comes next; ``looked`` tells whether faces were looked for."""
    photo = session.photo
    if photo is None:
        return message('The code is loaded.')
    if photo.prepared:
        return message('The photo is open: its inversion begins when those of others are done.')
    if not looked:
        found = 'Faces are not looked for here: put the window on one'
    elif not photo.faces:
        found = 'No face is found, so the window is the centre square: put it on a face'
    elif len(photo.faces) == 1:
        found = 'A face is found: move the window if it should lie elsewhere'
    else:
        found = f'{len(photo.faces)} faces are found: choose one, or move the window'
    return message(f'{found}, then press Invert.')


def predicted(session: Session) -> str:
    """Say how near the encoders' prediction comes, in words."""
    return f'Predicted at once: {_likeness(session)}. Edit it while it is refined.'


def inverted(session: Session, step: InversionStep, verdict: str) -> str:
    """Say how an inversion went."""
    known = f'{_KNOWN[verdict]}. ' if verdict else ''
    text = f'{known}Inverted in {step.num_steps} steps: {_likeness(session)}.'
    stopped = int(step.result.stopped_at[0])
    if stopped >= 0:
        text += f' Its loss became non-finite at step {stopped}: its best state is shown.'
    return message(text, verdict)


def _likeness(session: Session) -> str:
    images = (image_to_tensor(one) for one in (session.reconstruction, session.photo.square))
    return f'{psnr(*images).item():.1f} dB'


def nothing(session: Session) -> str:
    """Say why there is nothing to edit."""
    if session.photo is None:
        return warned('Open a photo or a code file first.')
    return warned('The photo is not inverted yet: press Invert, or wait for it.')


def refused(error: BaseException) -> str:
    """Say what was wrong."""
    return warned(one_sentence(error))


def window_of(photo: Photo | None) -> Shown:
    """Return the picture in which the window is chosen, and what there is to choose from."""
    if photo is None:
        return {'photo': {}, 'choice': ([], None)}
    shown = {
        'picture': look(photo.preview),
        'size': photo.size,
        'window': _numbers(photo.place.window),
        'faces': [_numbers(face.window()) for face in photo.faces],
    }
    return {'photo': shown, 'choice': (list(photo.choices), photo.chosen)}


def _numbers(window: Window) -> list[float]:
    return [window.x, window.y, window.size, window.angle]
