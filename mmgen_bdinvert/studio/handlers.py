# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What the controls of the page do."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..geometry import GeometricTransform
from ..photos import Window
from . import answers, saving
from .answers import Shown, all_of, controls_of, edit_of, refused
from .display import message, warned
from .edit import Edit
from .inversions import REFUSED, Inversions
from .photo import Photo
from .session import SQUARES, WHOLE, WIPES, Session, Straight
from .storage import new_result
from .straightening import completed, completes
from .studio import Studio

LIMITS = {
    **{'shift': (-0.5, 0.5), 'rotate': (-180, 180), 'scale': (0.4, 2.5)},
    **{'direction': (-3, 3), 'target': (0, 2)},
}
STEPS = {'shift': 0.005, 'rotate': 1, 'scale': 0.01, 'direction': 0.05, 'target': 0.05}
_ROOM = 32 << 20  # bytes for a result other than a photo
_BYTES = 4  # of a pixel of a photo that is saved, at most


class Handlers(Inversions):
    """Each method takes the session of one person, and returns what the page shows next.

    Args:
        studio (Studio): What sessions share.
        examples (Sequence[str | os.PathLike]): Photos to start with. Defaults to none.
    """

    def __init__(self, studio: Studio, examples: Sequence[str | os.PathLike] = ()):
        super().__init__(studio)
        self.examples = tuple(examples)

    def open_photo(self, session: Session, path: str | os.PathLike, key: str) -> Shown:
        """Open a photo, with its predicted code if it is prepared; :meth:`invert` comes next."""
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
        except REFUSED as error:
            return {'upload': None, 'status': refused(error)}
        self.supersede(key)
        view = SQUARES if session.photo is None else WHOLE
        session = replace(session, view=view)
        found = self.predict(session, again=False)
        if 'session' not in found:
            text = answers.opened(session, looked=self.studio.finder is not None)
            found = {**all_of(self.studio, session), 'status': text, **found}
        return {'upload': None, 'tabs': view, 'view': view, **found}

    def place(self, session: Session, window: Mapping[str, float], key: str) -> Shown:
        """Move the window to ``x``, ``y``, ``size`` and ``angle``; :meth:`predict` follows."""

        def moved(photo: Photo) -> Window:
            return Window(*(float(window.get(name)) for name in ('x', 'y', 'size', 'angle')))

        return self._look_at(session, moved, key)

    def choose(self, session: Session, name: str, key: str) -> Shown:
        """Move the window to a face, or to the centre square."""

        def chosen(photo: Photo) -> Window:
            if name not in photo.choices:
                raise ValueError(f'The photo has no face {name!r}: choose another one.')
            return photo.choices[name]

        return self._look_at(session, chosen, key)

    def _look_at(self, session: Session, find: Callable[[Photo], Window], key: str) -> Shown:
        if session.photo is None:
            return {'status': warned('Open a photo first: there is no window to move.')}
        try:
            photo = self.studio.looked_at(session.photo, find(session.photo))
            session = self.studio.opened(session, photo)
        except REFUSED as error:
            return {**answers.window_of(session.photo), 'status': refused(error)}
        self.supersede(key)
        text = message('The window has moved: press Invert when it is right.')
        return {**all_of(self.studio, session), 'status': text}

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
        except REFUSED as error:
            return {'status': refused(error)}
        edit = replace(session.edit.with_motion(motion), strengths=strengths)
        return self._edited(session, lambda: session.edited(edit, time.monotonic()))

    def drag(self, session: Session, shift_x: float, shift_y: float, scale: float) -> Shown:
        """Set the motion to where the face was dragged, within the limits."""
        try:
            shift = tuple(_within('shift', value) for value in (shift_x, shift_y))
            motion = replace(session.edit.motion, shift=shift, scale=_within('scale', scale))
        except REFUSED as error:
            return {'status': refused(error)}
        edit = session.edit.with_motion(motion)
        return self._edited(session, lambda: session.edited(edit, time.monotonic()), True)

    def straighten(self, session: Session, straightened: bool) -> Shown:
        """Show the square with the face in alignment, or where the photo shows it."""
        if not straightened or session.code is None:
            return self._pressed(session, session.edit.in_place)
        edit = self.studio.straightened(session)
        motion = edit.motion
        shift = tuple(_on_control('shift', value) for value in motion.shift)
        turn, scale = _on_control('rotate', motion.rotate), _on_control('scale', motion.scale)
        edit = edit.with_motion(replace(motion, shift=shift, rotate=turn, scale=scale))
        session = replace(session, view=SQUARES)
        shown = {'tabs': SQUARES, 'view': SQUARES, **self._pressed(session, edit)}
        if completes(self.studio.inverter, shown['session']):
            shown['status'] = message('Straightened; what the photo does not show is drawn next.')
        return shown

    def complete(self, session: Session) -> Shown:
        """Complete a straightened face, for :meth:`take_straight`; nothing if none is shown."""
        if not completes(self.studio.inverter, session):
            return {}
        try:
            return {'straight': completed(self.studio.inverter, session)}
        except REFUSED as error:
            return {'status': refused(error)}

    def take_straight(self, session: Session, straight: Straight | None, view: str) -> Shown:
        """Show the completed face under the edit as it is now, unless the code is another one."""
        if straight is None or straight.of is not session.code:
            return {'straight': None}
        session = replace(session, straight=straight, view=view)
        shown = {'straight': None, **edit_of(self.studio, session)}
        if session.edit.straightened:
            text = 'Straightened: the generator has drawn what the photo does not show.'
            shown['status'] = message(text)
        return shown

    def undo(self, session: Session) -> Shown:
        """Undo the last gesture."""
        return self._edited(session, session.undone, True)

    def redo(self, session: Session) -> Shown:
        """Do again what was undone."""
        return self._edited(session, session.redone, True)

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
            return {'status': answers.nothing(session)}
        session = change()
        return {**edit_of(self.studio, session), **(controls_of(session) if controls else {})}

    def show(self, session: Session, view: str) -> Shown:
        """Show the whole photo, the squares, or two of them on top of each other."""
        if view not in (WHOLE, SQUARES, *WIPES):
            raise ValueError(f'There is no view {view!r}.')
        session = replace(session, view=view)
        return {'view': view, **edit_of(self.studio, session)}

    def save_photo(self, session: Session) -> Shown:
        """Offer the photo with the edit in it as a file."""
        if session.photo is None:
            return self._save(session, 'photo.png', saving.photo_to_png)
        width, height = session.photo.size
        name = f'{Path(session.photo.place.photo).stem[:100]}_edited.png'
        return self._save(session, name, saving.photo_to_png, _BYTES * width * height)

    def save_picture(self, session: Session) -> Shown:
        """Offer the edited picture as a file."""
        return self._save(session, 'edit.png', saving.square_to_png)

    def save_code(self, session: Session) -> Shown:
        """Offer the edited code as a file."""
        return self._save(session, 'code.safetensors', saving.to_code)

    def save_video(self, session: Session) -> Shown:
        """Offer a video from the reconstruction to the edit as a file."""
        return self._save(session, 'edit.mp4', saving.to_mp4)

    def _save(
        self,
        session: Session,
        name: str,
        write: Callable[[Studio, Session, Path], None],
        room: int = _ROOM,
    ) -> Shown:
        if session.code is None:
            return {'file': None, 'status': answers.nothing(session)}
        try:
            path = new_result(name, room)
            write(self.studio, session, path)
        except REFUSED as error:
            return {'file': None, 'status': refused(error)}
        return {'file': {'name': name, 'at': str(path)}}


def _within(name: str, value: float) -> float:
    """Clamp a number to the limits of its control; NaN stays, and is refused later."""
    low, high = LIMITS[name]
    return min(max(float(value), low), high)


def _on_control(name: str, value: float) -> float:
    """Return the position of a control that is nearest to a value."""
    step = STEPS[name]
    return _within(name, round(round(value / step) * step, 3))
