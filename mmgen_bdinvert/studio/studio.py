# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The inverter and the directions that all sessions share, and what is done with them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from bdinvert_cli.text import printable

from ..apis import render
from ..apis.codes import code_sources
from ..apis.whole_photos import PhotoFrames
from ..editing import StyleEdit, Target, load_direction
from ..geometry import GeometricTransform, estimate_similarity
from ..io import image_to_tensor, local_path, tensor_to_image
from ..io.decoding import decode
from ..models import BaseDetailGenerator, PivotalTuningInverter
from ..models.inverters.base_inverter import OptimizationInverter
from ..models.verdict import verdicts_of
from ..photos import FaceFinder, Window
from ..photos.in_photo import faces_of
from ..photos.window import MIN_SIDE
from ..structures import InversionResult, LatentCode
from .edit import Edit
from .photo import PREVIEW, Photo
from .session import Session

_GUIDE_COLOUR = (79, 70, 229)
_CORNERS = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])
_Read = TypeVar('_Read')


class Studio:
    """All that the page does, without the page; it holds nothing of any single person.

    Args:
        inverter (OptimizationInverter): From :func:`mmgen_bdinvert.apis.init_inverter`.
        directions (Sequence[StyleEdit]): What can be edited. Defaults to nothing.
        finder (FaceFinder | None): Finds the windows of photos. Defaults to None, which leaves that
            to the visitors.

    Raises:
        ValueError: A direction belongs to another generator.
    """

    def __init__(
        self,
        inverter: OptimizationInverter,
        directions: Sequence[StyleEdit] = (),
        finder: FaceFinder | None = None,
    ) -> None:
        for direction in directions:
            direction.places(inverter.generator)  # raises the ValueError
        self.inverter, self.directions, self.finder = inverter, tuple(directions), finder
        self._finding = threading.Lock()  # detectors keep the size of what they look at

    @property
    def controls(self) -> list[tuple[str, str]]:
        """list[tuple[str, str]]: What directions are called, and 'direction' or 'target'."""
        kinds = ['target' if isinstance(d, Target) else 'direction' for d in self.directions]
        return [
            (printable(direction.name.replace('_', ' ')) or f'{kind} {i}', kind)
            for i, (direction, kind) in enumerate(zip(self.directions, kinds), 1)
        ]

    def new_session(self) -> Session:
        """Return the session of a new visitor."""
        return Session(Edit(strengths=(0.0,) * len(self.directions)))

    def read_photo(self, path: str | os.PathLike) -> Photo:
        """Read an image file of any size, and look for faces in it.

        Raises:
            ValueError: It cannot be read, or is too small; the sentence names the file, not its
                folder.
        """

        def read() -> Photo:
            picture = decode(path)
            with self._finding:
                faces = [] if self.finder is None else self.finder.find(picture)
            return Photo.of(Path(path), picture, faces, self.inverter.generator.resolution)

        return _without_folder(path, read)

    def looked_at(self, photo: Photo, window: Window) -> Photo:
        """Return a photo with another window.

        Raises:
            ValueError: The window is none of this photo, or its file is no longer there.
        """
        return of_photo(photo, lambda: photo.at(window))

    def read_code(self, path: str | os.PathLike) -> LatentCode:
        """Read a code file of one image, of this package or of another program.

        Returns:
            LatentCode: On the CPU.

        Raises:
            ValueError: It is none, or one of another generator; the sentence names the file alone.
        """

        def read() -> LatentCode:
            source, *others = code_sources([path])
            if others:
                count = 1 + len(others)
                raise ValueError(f'{path} must hold the code of one image, but holds {count}.')
            return source.load(self.inverter.generator)

        return _without_folder(path, read)

    def edited_code(self, session: Session) -> LatentCode:
        """Return the session's code with its edit, of a straightened face as it was completed."""
        code, motion = session.code, None
        if session.edit.straightened and session.completed is not None:
            code, motion = session.completed.code, session.completed.motion
        return session.edit.apply(self.inverter, code, self.directions, motion)

    @property
    def predicts(self) -> bool:
        """bool: Whether the encoders alone give a code that is worth editing."""
        return getattr(self._pivot, 'detail_encoder', None) is not None

    @property
    def _pivot(self) -> OptimizationInverter:
        """OptimizationInverter: What has the encoders; pivotal tuning has them in its pivot."""
        inverter = self.inverter
        return inverter.pivot if isinstance(inverter, PivotalTuningInverter) else inverter

    @torch.no_grad()
    def predicted(self, photo: Photo) -> LatentCode:
        """Return the code that the encoders predict of the window of a photo, on the CPU."""
        generator = self.inverter.generator
        image = image_to_tensor(photo.square, generator.channel_order).to(generator.device)
        return self._pivot.to_code(self._pivot.start(image)).to('cpu')

    def opened(
        self,
        session: Session,
        photo: Photo | None,
        code: LatentCode | None = None,
        *,
        refining: bool = False,
    ) -> Session:
        """Return the session with another photo, or the code of one, and no edit.

        Args:
            session (Session): Of the same person.
            photo (Photo | None): None for a code from a file.
            code (LatentCode | None): Of the window of the photo. Defaults to None.
            refining (bool): See :class:`Session`. Defaults to False.

        Raises:
            ValueError: The file of the photo is no longer there.
        """
        reconstruction = None if code is None else render(self.inverter, code)[0]
        whole = None
        if photo is not None and reconstruction is not None:
            whole = of_photo(photo, lambda: frames_of(photo, reconstruction, PREVIEW))
        return replace(
            session,
            photo=photo,
            code=code,
            reconstruction=reconstruction,
            whole=whole,
            refining=refining,
            straight=None,
            edit=self.new_session().edit,
            past=(),
            future=(),
            changed=frozenset(),
        )

    def verdict(self, photo: Photo, result: InversionResult) -> str:
        """Say whether the generator knows what the window of a photo shows.

        Returns:
            str: 'fits', 'doubtful' or 'does not fit'; '' where the statistics have no yardstick.
        """
        generator = self.inverter.generator
        target = image_to_tensor(photo.square).to(generator.device)
        output = generator.to_rgb(result.reconstruction)
        faces = faces_of([photo.place], target)
        return (verdicts_of(self.inverter, target, output, result.code, faces) or [''])[0]

    def straightened(self, session: Session) -> Edit:
        """Return the edit as the face looks in alignment, by the landmarks that it was found with.

        A motion that a person has set stays, and so does that of a photo without a face.
        """
        edit = replace(session.edit, straightened=True)
        square = session.photo and session.photo.place.square
        if not square or not edit.straighten.is_identity:
            return edit
        seen = session.photo.place.window.to_window(square.to_photo(_CORNERS))
        return replace(edit, straighten=estimate_similarity(seen, _CORNERS))

    def picture(self, session: Session) -> np.ndarray:
        """Render the session's code with its edit: RGB uint8 (H, W, 3)."""
        if session.edit.is_nothing and session.reconstruction is not None:
            return session.reconstruction
        return render(self.inverter, self.edited_code(session))[0]

    def whole_picture(self, session: Session) -> np.ndarray | None:
        """Return the photo with the edit in it, RGB uint8 as small as the page shows it."""
        if session.whole is None:
            return None
        return session.whole(*self.put_back(session, session.edit.in_place))

    def put_back(
        self, session: Session, edit: Edit
    ) -> tuple[np.ndarray, np.ndarray, GeometricTransform]:
        """Render what goes back into the photo.

        Returns:
            tuple[np.ndarray, np.ndarray, GeometricTransform]: The moved code before and after the
            directions, RGB uint8 (H, W, 3), and the motion.
        """
        if edit.is_nothing and session.reconstruction is not None:
            return session.reconstruction, session.reconstruction, edit.motion
        edits = [replace(edit, strengths=()), edit] if any(edit.strengths) else [edit]
        codes = [one.apply(self.inverter, session.code, self.directions) for one in edits]
        pictures = [render(self.inverter, code)[0] for code in codes]
        return pictures[0], pictures[-1], edit.motion

    def guide(self) -> np.ndarray:
        """Draw the outlines of the mean face, which show where an aligned face lies.

        Returns:
            np.ndarray: RGBA uint8 (H, W, 4), transparent except for the lines.
        """
        generator = self.inverter.generator
        with torch.no_grad():
            mean = generator.synthesis(generator.to_w_plus(generator.mean_latent.view(1, -1)))
        grey = tensor_to_image(mean, generator.channel_order).mean(2)  # [HWC] -> [HW]
        edges = np.hypot(*np.gradient(grey))
        lines = np.empty((*grey.shape, 4), np.uint8)
        lines[..., :3] = _GUIDE_COLOUR
        lines[..., 3] = np.clip(255 * edges / np.percentile(edges, 97), 0, 255)
        return lines


def shipped_directions(generator: BaseDetailGenerator) -> list[StyleEdit]:
    """Load the shipped directions that were made with a generator: targets first, by name.

    Args:
        generator (BaseDetailGenerator): The generator.

    Returns:
        list[StyleEdit]: Empty for a generator that is not shipped.
    """
    found = []
    for path in local_path('asset://x').parent.rglob('*.safetensors'):
        try:
            direction = load_direction(path)
        except ValueError:  # weights or statistics
            continue
        if direction.fingerprint == generator.fingerprint:
            found.append(direction)
    return sorted(found, key=lambda direction: (not isinstance(direction, Target), direction.name))


def frames_of(photo: Photo, reconstruction: np.ndarray, longest: int = 1920) -> PhotoFrames:
    """Return what puts edits into the photo, reduced as far as its window stays one."""
    least = max(photo.size) * (MIN_SIDE + 1) / photo.place.window.size
    return PhotoFrames(photo.place, reconstruction, max(longest, round(least)))


def of_photo(photo: Photo, read: Callable[[], _Read]) -> _Read:
    """Read a photo again."""
    path = Path(photo.place.photo)
    if not path.exists():
        raise ValueError(
            f'{path.name} is no longer here, as the studio keeps files for an hour: open it again.'
        )
    return _without_folder(path, read)


def _without_folder(path: str | os.PathLike, read: Callable[[], _Read]) -> _Read:
    """Read an uploaded file; errors do not tell where it lies on the server."""
    try:
        return read()
    except ValueError as error:
        raise ValueError(str(error).replace(os.fspath(path), Path(path).name)) from error
