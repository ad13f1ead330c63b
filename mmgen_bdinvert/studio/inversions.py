# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What Invert and Cancel do, and dropping a photo: an inversion that is seen at work."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import torch

from . import answers
from .answers import Shown, all_of, edit_of, refused
from .display import look, message, progress, warned
from .live_inversion import InversionCancelled, watch_inversion
from .photo import Photo
from .session import Session
from .studio import Studio

REFUSED = (ValueError, TypeError, OSError, ImportError, MemoryError, torch.cuda.OutOfMemoryError)


class Inversions:
    """Each method takes the session of one person, and returns what the page shows next.

    With a detail encoder :meth:`predict` has a code at once, which can be edited while
    :meth:`invert` refines it; :meth:`take_over` then puts the refined code under the edit.
    """

    def __init__(self, studio: Studio):
        self.studio = studio
        self._running: dict[str, threading.Event] = {}  # by the key of a person

    def predict(self, session: Session, *, again: bool = True) -> Shown:
        """Show what the encoders alone say of the window; nothing without a detail encoder.

        A code that the window already has stays: :meth:`invert` refines it, see there for
        ``again``.
        """
        photo = session.photo
        wanted = photo is not None and (again or photo.prepared)
        if not self.studio.predicts or not wanted or session.code is not None:
            return {}
        try:
            code = self.studio.predicted(photo)
            session = self.studio.opened(session, photo, code, refining=True)
        except REFUSED as error:
            return {'status': refused(error)}
        text = message(answers.predicted(session))
        return {**all_of(self.studio, session), 'status': text}

    def ask(self, session: Session) -> Shown:
        """Say for which photo and window an inversion is asked, and :meth:`predict` its code."""
        return {'asked': session.photo, **self.predict(session)}

    def invert(
        self, session: Session, key: str, *, again: bool = True, asked: Photo | None = None
    ) -> Iterator[Shown]:
        """Invert the window of the photo, and show the progress.

        A session that has a code keeps it, and its edit, until :meth:`take_over`.

        Args:
            session (Session): With a photo.
            key (str): The person's, for :meth:`cancel`.
            again (bool): With False, only a prepared photo whose code is missing or predicted is
                inverted: in others, the person chooses the window first. Defaults to True.
            asked (Photo | None): What :meth:`ask` was called for: nothing is inverted if the window
                was moved while this waited for others. Defaults to None, which is any.
        """
        if asked not in (None, session.photo):
            yield {}
            return
        photo = session.photo
        done = session.code is not None and not session.refining
        if not again and (photo is None or done or not photo.prepared):
            yield {}
            return
        if photo is None:
            yield {'status': warned('Open a photo first: there is nothing to invert.')}
            return
        keeps = self.studio.predicts and session.code is not None
        before = answers.predicted(session) if session.refining else ''
        self._running[key] = cancelled = threading.Event()
        totals: list[float] = []
        try:
            for step in watch_inversion(self.studio.inverter, photo.square, cancelled):
                self._go_on(key, cancelled)
                totals.append(step.losses['total'])
                inside = look(step.picture)
                yield {
                    'reconstruction': inside,
                    **({} if keeps else {'photo': {'inside': inside}}),
                    'status': progress(step, totals, before),
                }
            verdict = self.studio.verdict(photo, step.result)
            found = self.studio.opened(session, photo, step.result.code.to('cpu'))
            self._go_on(key, cancelled)
            text = answers.inverted(found, step, verdict)
            if keeps:
                refined = {'refined': found, 'reconstruction': look(found.reconstruction)}
                yield {**refined, 'status': text}
            else:
                yield {**all_of(self.studio, found), 'status': text}
        except (InversionCancelled, *REFUSED) as error:
            if self._running.get(key) is not cancelled:  # another photo or window is shown
                yield {}
            elif isinstance(error, InversionCancelled):
                text = message(f'The inversion was {error}.')
                yield {**self._before(session), 'status': text}
            else:
                yield {**self._before(session), 'status': refused(error)}
        finally:
            if self._running.get(key) is cancelled:
                del self._running[key]

    def _go_on(self, key: str, cancelled: threading.Event) -> None:
        """End an inversion that is superseded: nothing of it may be shown any more."""
        if self._running.get(key) is not cancelled:
            raise InversionCancelled('superseded by another one')

    def take_over(self, session: Session, refined: Session | None, view: str) -> Shown:
        """Put a refined code under the edit as it is now; the controls stay where they are.

        What :meth:`invert` found is left alone if the photo or the window is another one by now.
        ``view`` is what is looked at by now.
        """
        session = replace(session, view=view, refining=False)
        if refined is not None and refined.photo is session.photo:
            session = session.with_code_of(refined)
        return {'refined': None, **edit_of(self.studio, session)}

    def _before(self, session: Session) -> Shown:
        """Return what an inversion that has no result leaves as it was."""
        return {'reconstruction': look(session.reconstruction), 'photo': {'inside': ''}}

    def cancel(self, key: str) -> Shown:
        """End the person's inversion, if there is one."""
        cancelled = self._running.get(key)
        if cancelled is None:
            return {'status': message('No inversion is running.')}
        cancelled.set()
        return {}

    def supersede(self, key: str) -> None:
        """End the person's inversion without a word: something else is shown."""
        cancelled = self._running.pop(key, None)
        if cancelled is not None:
            cancelled.set()
