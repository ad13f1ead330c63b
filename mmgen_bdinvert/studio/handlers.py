# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What the controls of the page do."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch

from bdinvert_cli.sentences import one_sentence

from ..evaluation import psnr
from ..geometry import GeometricTransform
from ..io import image_to_tensor
from .display import as_jpeg, as_png, data_url, message, progress, warned
from .edit import Edit
from .live_inversion import InversionCancelled, watch_inversion
from .session import Session
from .studio import Studio

Shown = dict[str, Any]  # new values of parts of the page, by name
LIMITS = {'shift': (-0.5, 0.5), 'rotate': (-180, 180), 'scale': (0.4, 2.5), 'strength': (-3, 3)}
_REFUSED = (ValueError, TypeError, OSError, MemoryError, torch.cuda.OutOfMemoryError)


class Handlers:
    """Each method takes the session of one person, and returns what the page shows next.

    Args:
        studio (Studio): What sessions share.
        examples (Sequence[str | os.PathLike]): Photos to start with. Defaults to none.
    """

    def __init__(self, studio: Studio, examples: Sequence[str | os.PathLike] = ()):
        self.studio, self.examples = studio, tuple(examples)
        self._running: dict[str, threading.Event] = {}  # by the key of a person

    def open_photo(self, session: Session, path: str | os.PathLike, key: str) -> Shown:
        """Open a photo; :meth:`invert` comes next."""
        return self._open(session, key, lambda: (self.studio.read_photo(path), None))

    def open_example(self, session: Session, index: int, key: str) -> Shown:
        """Open one of the examples."""
        return self.open_photo(session, self.examples[index], key)

    def open_code(self, session: Session, path: str | os.PathLike, key: str) -> Shown:
        """Open a code file, which needs no inversion."""
        return self._open(session, key, lambda: (None, self.studio.read_code(path)))

    def _open(self, session: Session, key: str, read: Callable[[], tuple]) -> Shown:
        try:
            session = self.studio.opened(session, *read())
        except _REFUSED as error:
            return {'upload': None, 'status': warned(one_sentence(error))}
        self._stop(key)
        text = 'The code is loaded.'
        if session.code is None:
            text = 'The photo is open: its inversion begins when those of others are done.'
        return {'upload': None, **self._all(session), 'status': message(text)}

    def invert(self, session: Session, key: str, *, again: bool = True) -> Iterator[Shown]:
        """Invert the photo, and show the progress.

        Args:
            session (Session): With a photo.
            key (str): The person's, for :meth:`cancel`.
            again (bool): Whether a photo that has a code is inverted again. Defaults to True.
        """
        if not again and (session.photo is None or session.code is not None):
            yield {}
            return
        if session.photo is None:
            yield {'status': warned('Open a photo first: there is nothing to invert.')}
            return
        self._running[key] = cancelled = threading.Event()
        totals: list[float] = []
        try:
            for step in watch_inversion(self.studio.inverter, session.photo, cancelled):
                totals.append(step.losses['total'])
                yield {'reconstruction': _look(step.picture), 'status': progress(step, totals)}
            session = self.studio.opened(session, session.photo, step.result.code.to('cpu'))
            yield {**self._all(session), 'status': message(_outcome(session, step))}
        except InversionCancelled as error:
            text = f'The inversion was {error}.'
            yield {'reconstruction': _look(session.reconstruction), 'status': message(text)}
        except _REFUSED as error:
            yield {'status': warned(one_sentence(error))}
        finally:
            if self._running.get(key) is cancelled:
                del self._running[key]

    def cancel(self, key: str) -> Shown:
        """End the person's inversion, if there is one."""
        return {} if self._stop(key) else {'status': message('No inversion is running.')}

    def _stop(self, key: str) -> bool:
        cancelled = self._running.get(key)
        if cancelled is not None:
            cancelled.set()
        return cancelled is not None

    def change(
        self,
        session: Session,
        shift_x: float,
        shift_y: float,
        rotate: float,
        scale: float,
        flip: bool,
        *strengths: float,
    ) -> Shown:
        """Set the motion and the strengths to the values of all controls."""
        try:
            motion = GeometricTransform((shift_x, shift_y), rotate, scale, flip)
        except _REFUSED as error:
            return {'status': warned(one_sentence(error))}
        edit = replace(session.edit.with_motion(motion), strengths=strengths)
        return self._edited(session, lambda: session.edited(edit, time.monotonic()))

    def drag(self, session: Session, shift_x: float, shift_y: float, scale: float) -> Shown:
        """Set the motion to where the face was dragged, within the limits."""
        try:
            shift = tuple(_within('shift', value) for value in (shift_x, shift_y))
            motion = replace(session.edit.motion, shift=shift, scale=_within('scale', scale))
        except _REFUSED as error:
            return {'status': warned(one_sentence(error))}
        edit = session.edit.with_motion(motion)
        return self._edited(session, lambda: session.edited(edit, time.monotonic()), True)

    def straighten(self, session: Session, straightened: bool) -> Shown:
        """Show the face in alignment, or where the photo shows it."""
        edit = replace(session.edit, straightened=straightened)
        return self._pressed(session, edit)

    def undo(self, session: Session) -> Shown:
        """Undo the last gesture."""
        return self._edited(session, session.undone, True)

    def reset(self, session: Session) -> Shown:
        """Remove the whole edit; this can be undone."""
        return self._pressed(session, self.studio.new_session().edit)

    def _pressed(self, session: Session, edit: Edit) -> Shown:
        def change() -> Session:
            return session.edited(edit, time.monotonic(), at_once=True)

        return self._edited(session, change, True)

    def _edited(
        self, session: Session, change: Callable[[], Session], controls: bool = False
    ) -> Shown:
        if session.code is None:
            return {'status': _nothing(session)}
        session = change()
        picture = self.studio.picture(session)
        shown = {'session': session, 'stage': _stage(session, picture)}
        shown.update(self._wiped(session, picture))
        return {**shown, **(_controls(session) if controls else {})}

    def wipe(self, session: Session, names: str) -> Shown:
        """Show two pictures on top of each other, one of ``WIPES``; '' shows them side by side."""
        session = replace(session, wipe=names)
        picture = None if session.code is None else self.studio.picture(session)
        return {'session': session, 'names': names, **self._wiped(session, picture)}

    def _wiped(self, session: Session, picture) -> Shown:
        if not session.wipe:
            return {}
        pictures = {'original': session.photo, 'reconstruction': session.reconstruction}
        pictures['edit'] = picture
        pair = tuple(pictures[name] for name in session.wipe.split(' and '))
        return {'wipe': None if any(one is None for one in pair) else pair}

    def _all(self, session: Session) -> Shown:
        picture = None if session.code is None else self.studio.picture(session)
        return {
            'session': session,
            'original': _look(session.photo),
            'reconstruction': _look(session.reconstruction),
            'stage': _stage(session, picture),
            **self._wiped(session, picture),
            **_controls(session),
        }

    def save_picture(self, session: Session) -> Shown:
        """Offer the edited picture as a file."""
        return self._save(
            session, 'edit.png', 'image/png', lambda: as_png(self.studio.picture(session))
        )

    def save_code(self, session: Session) -> Shown:
        """Offer the edited code as a file."""
        kind = 'application/octet-stream'
        return self._save(
            session, 'code.safetensors', kind, lambda: self.studio.write_code(session)
        )

    def save_video(self, session: Session) -> Shown:
        """Offer a video from the reconstruction to the edit as a file."""
        return self._save(session, 'edit.webp', 'image/webp', lambda: self.studio.video(session))

    def _save(self, session: Session, name: str, kind: str, write: Callable[[], bytes]) -> Shown:
        if session.code is None:
            return {'file': None, 'status': _nothing(session)}
        try:
            content = write()
        except _REFUSED as error:
            return {'file': None, 'status': warned(one_sentence(error))}
        return {'file': {'name': name, 'href': data_url(content, kind)}}


def _nothing(session: Session) -> str:
    """Return why there is nothing to edit."""
    if session.photo is None:
        return warned('Open a photo or a code file first.')
    return warned('The photo is not inverted yet: wait, or press Invert.')


def _look(picture) -> str:
    """Return a picture as an address, '' for none."""
    return '' if picture is None else data_url(as_jpeg(picture), 'image/jpeg')


def _stage(session: Session, picture) -> dict[str, Any]:
    """Return what the picture that can be dragged needs."""
    motion = session.edit.motion
    return {
        'picture': _look(picture),
        'shift': motion.shift,
        'scale': motion.scale,
        'straightened': session.edit.straightened,
    }


def _controls(session: Session) -> Shown:
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


def _within(name: str, value: float) -> float:
    """Clamp a number to the limits of its control; NaN stays, and is refused later."""
    low, high = LIMITS[name]
    return min(max(float(value), low), high)


def _outcome(session: Session, step) -> str:
    images = (image_to_tensor(picture) for picture in (session.reconstruction, session.photo))
    text = f'Inverted in {step.num_steps} steps: {psnr(*images).item():.1f} dB.'
    stopped = int(step.result.stopped_at[0])
    if stopped >= 0:
        text += f' Its loss became non-finite at step {stopped}: its best state is shown.'
    return text
