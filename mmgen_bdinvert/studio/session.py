# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The state of one person: photo, code, edit, and the edits before and after it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..apis.whole_photos import PhotoFrames
from ..geometry import GeometricTransform
from ..structures import LatentCode
from .edit import Edit
from .photo import Photo

WHOLE, SQUARES = 'whole photo', 'squares'
WIPES = ('original and edit', 'original and reconstruction', 'reconstruction and edit')

_ONE_GESTURE = 1.0  # seconds between two changes of one value that count as one
_MOST_PAST = 100


@dataclass(frozen=True, eq=False, repr=False)
class Straight:
    """A face that was straightened and completed, see :func:`mmgen_bdinvert.apis.straighten`.

    Args:
        of (LatentCode): The code that it was made of.
        motion (GeometricTransform): The motion that aligned it.
        code (LatentCode): Its code.
    """

    of: LatentCode
    motion: GeometricTransform
    code: LatentCode


@dataclass(frozen=True, eq=False, repr=False)
class Session:
    """An immutable value: every method returns a new one, so that no two people share a change.

    Args:
        edit (Edit): The edit of the code.
        photo (Photo | None): None for a code from a file. Defaults to None.
        code (LatentCode | None): Code of one image, as it was inverted or loaded. Defaults to None.
        reconstruction (np.ndarray | None): Picture of ``code``, RGB uint8 at the generator's
            resolution. Defaults to None.
        whole (PhotoFrames | None): Puts edits back into the photo. Defaults to None.
        refining (bool): Whether the code is only what the encoders predict, and an inversion is to
            refine it. Defaults to False.
        straight (Straight | None): The face in alignment, completed; of no use once there is
            another code. Defaults to None.
        view (str): What is looked at: :data:`WHOLE`, :data:`SQUARES`, or two pictures on top of
            each other, one of :data:`WIPES`. Defaults to :data:`WHOLE`.
        past (tuple[Edit, ...]): Edits that :meth:`undone` goes back to, the latest last.
        future (tuple[Edit, ...]): Edits that :meth:`redone` goes on to, the latest last.
        changed (frozenset[str]): Names of the values that the last change concerned.
        changed_at (float): Time of the last change.
    """

    edit: Edit
    photo: Photo | None = None
    code: LatentCode | None = None
    reconstruction: np.ndarray | None = None
    whole: PhotoFrames | None = None
    refining: bool = False
    straight: Straight | None = None
    view: str = WHOLE
    past: tuple[Edit, ...] = ()
    future: tuple[Edit, ...] = ()
    changed: frozenset[str] = frozenset()
    changed_at: float = 0.0

    @property
    def completed(self) -> Straight | None:
        """Straight | None: The code's face in alignment, completed; None of another code's."""
        return self.straight if self.straight and self.straight.of is self.code else None

    def edited(self, edit: Edit, now: float, *, at_once: bool = False) -> Session:
        """Return the session with another edit.

        Changes of the same values in quick succession are one gesture, and one undo.
        """
        changed = edit.differences(self.edit)
        if not changed:
            return self
        past = self.past
        if at_once or changed != self.changed or now - self.changed_at > _ONE_GESTURE:
            past = (*past, self.edit)[-_MOST_PAST:]
        if at_once:
            changed = frozenset()  # the next change is another gesture
        return replace(self, edit=edit, past=past, future=(), changed=changed, changed_at=now)

    def undone(self) -> Session:
        """Return the session before the last gesture; without one, the session itself."""
        if not self.past:
            return self
        return self._moved(self.past[-1], self.past[:-1], (*self.future, self.edit))

    def redone(self) -> Session:
        """Return the session before the last undo; without one, the session itself."""
        if not self.future:
            return self
        return self._moved(self.future[-1], (*self.past, self.edit), self.future[:-1])

    def with_code_of(self, other: Session) -> Session:
        """Return the session with the code of another one of the same photo, under its own edit."""
        return replace(
            self, code=other.code, reconstruction=other.reconstruction, whole=other.whole
        )

    def _moved(self, edit: Edit, past: tuple[Edit, ...], future: tuple[Edit, ...]) -> Session:
        return replace(self, edit=edit, past=past, future=future, changed=frozenset())
