# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The edit of an inverted face, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from ..apis import edit, transform
from ..apis.inference import Renderer
from ..editing import StyleEdit
from ..geometry import GeometricTransform, compose, inverse, part_of
from ..structures import LatentCode


@dataclass(frozen=True)
class Edit:
    """Motions and strengths; straightening is a motion of its own.

    Args:
        move (GeometricTransform): Motion of the face from where the photo shows it.
        straighten (GeometricTransform): Motion that aligns the face: ``T⁻¹`` of the motion T that
            took it out of alignment.
        straightened (bool): Whether the face is shown in alignment. Directions act on the detail
            code alone, so with False the face that was edited in alignment is back in its place.
        strengths (tuple[float, ...]): Factors of the directions, in their order.
    """

    move: GeometricTransform = GeometricTransform()
    straighten: GeometricTransform = GeometricTransform()
    straightened: bool = False
    strengths: tuple[float, ...] = ()

    @property
    def motion(self) -> GeometricTransform:
        """GeometricTransform: The motion that is shown, and that the controls change."""
        return self.straighten if self.straightened else self.move

    @property
    def is_nothing(self) -> bool:
        """bool: Whether the reconstruction itself is shown."""
        return self.motion.is_identity and not any(self.strengths)

    def with_motion(self, motion: GeometricTransform) -> Edit:
        """Return the edit with the motion that is shown replaced."""
        return replace(self, **{'straighten' if self.straightened else 'move': motion})

    @property
    def in_place(self) -> Edit:
        """Edit: The same edit, shown where the photo shows the face."""
        return replace(self, straightened=False)

    def apply(
        self,
        inverter: Renderer,
        code: LatentCode,
        directions: Sequence[StyleEdit],
        aligned_by: GeometricTransform | None = None,
    ) -> LatentCode:
        """Edit a code: the motion on its base code, the directions on its detail code.

        Args:
            inverter (OptimizationInverter | BaseDetailGenerator): Holds the generator.
            code (LatentCode): n codes.
            directions (Sequence[StyleEdit]): One for each strength.
            aligned_by (GeometricTransform | None): The motion that the codes show already. Defaults
                to none.

        Returns:
            LatentCode: New codes.

        Raises:
            ValueError: Code or directions belong to another generator.
        """
        if aligned_by is None:
            code = transform(inverter, code, self.motion)
        elif aligned_by != self.motion:
            code = transform(inverter, code, compose(inverse(aligned_by), self.motion))
        for direction, strength in zip(directions, self.strengths):
            if strength:
                code = edit(inverter, code, direction, strength)
        return code

    def at(self, fraction: float) -> Edit:
        """Return the edit at a fraction of the way, from nothing (0) to all of it (1).

        Shift, angle and strengths grow evenly, the scale by equal factors; a flip comes at one
        half.
        """
        motion = self.motion
        partial = cast(GeometricTransform, part_of(replace(motion, flip=False), fraction))
        partial = replace(partial, flip=motion.flip and fraction >= 0.5)
        strengths = tuple(fraction * strength for strength in self.strengths)
        return replace(self.with_motion(partial), strengths=strengths)

    def differences(self, other: Edit) -> frozenset[str]:
        """Return the names of the values, such as 'move shift' or 'strength 2', that differ."""
        ours, theirs = self._values(), other._values()
        names = ours.keys() | theirs.keys()
        return frozenset(name for name in names if ours.get(name) != theirs.get(name))

    def _values(self) -> dict[str, object]:
        values: dict[str, object] = {'straightened': self.straightened}
        for name in ('move', 'straighten'):
            motion = getattr(self, name).to_dict()
            values.update({f'{name} {key}': value for key, value in motion.items()})
        values.update({f'strength {i}': strength for i, strength in enumerate(self.strengths)})
        return values
