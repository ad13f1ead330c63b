# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Complete a straightened face in the background."""

from __future__ import annotations

from ..apis import straighten
from ..apis.whole_photos import shown_of
from ..geometry import inverse
from ..models.inverters.base_inverter import OptimizationInverter
from ..models.inverters.regularized import RegularizedInverter
from .session import Session, Straight


def completes(inverter: OptimizationInverter, session: Session) -> bool:
    """Whether a session shows a face in alignment that can be completed and is not yet."""
    edit, code = session.edit, session.code
    if code is None or code.changes or session.completed is not None:
        return False
    if session.refining:  # the refined code is completed, once it is there
        return False
    straightened = edit.straightened and not edit.motion.is_identity
    return straightened and isinstance(inverter, RegularizedInverter)


def completed(inverter: OptimizationInverter, session: Session) -> Straight:
    """Straighten and complete the face of a session by the motion that it shows."""
    code, motion, photo = session.code, session.edit.motion, session.photo
    shown = photo and shown_of(photo.place, len(photo.square), photo.size)
    return Straight(code, motion, straighten(inverter, code, inverse(motion), shown=shown))
