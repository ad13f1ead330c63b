# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The inverter and the directions that all sessions share, and what is done with them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from bdinvert_cli.text import printable

from ..apis import render
from ..apis.codes import code_sources
from ..editing import Direction, load_direction
from ..io import local_path, read_image, tensor_to_image
from ..models import BaseDetailGenerator
from ..models.inverters.base_inverter import OptimizationInverter
from ..structures import LatentCode
from .display import animated_webp
from .edit import Edit
from .session import Session

_FRAMES = 24
_GUIDE_COLOUR = (79, 70, 229)


class Studio:
    """All that the page does, without the page; it holds nothing of any single person.

    Args:
        inverter (OptimizationInverter): From :func:`mmgen_bdinvert.apis.init_inverter`.
        directions (Sequence[Direction]): What can be edited. Defaults to nothing.

    Raises:
        ValueError: A direction belongs to another generator.
    """

    def __init__(self, inverter: OptimizationInverter, directions: Sequence[Direction] = ()):
        for direction in directions:
            direction.offset(inverter.generator)  # raises the ValueError
        self.inverter, self.directions = inverter, tuple(directions)

    @property
    def names(self) -> list[str]:
        """list[str]: The directions' names, for display."""
        return [
            printable(direction.name.replace('_', ' ')) or f'direction {i}'
            for i, direction in enumerate(self.directions, 1)
        ]

    def new_session(self) -> Session:
        """Return the session of a new visitor."""
        return Session(Edit(strengths=(0.0,) * len(self.directions)))

    def read_photo(self, path: str | os.PathLike) -> np.ndarray:
        """Read an image file at the generator's resolution, its centre square.

        Returns:
            np.ndarray: RGB uint8 (H, W, 3).

        Raises:
            ValueError: It cannot be read; the sentence names the file, not its folder.
        """
        return _without_folder(
            path, lambda: read_image(path, self.inverter.generator.resolution, fit='crop')
        )

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

    def write_code(self, session: Session) -> bytes:
        """Return a code file of the edited code."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, 'code.safetensors')
            self.edited_code(session).save(path)
            return path.read_bytes()

    def edited_code(self, session: Session) -> LatentCode:
        """Return the session's code with its edit."""
        return session.edit.apply(self.inverter, session.code, self.directions)

    def opened(
        self, session: Session, photo: np.ndarray | None, code: LatentCode | None = None
    ) -> Session:
        """Return the session with another photo, or the code of one, and no edit."""
        reconstruction = None if code is None else render(self.inverter, code)[0]
        return replace(
            session,
            photo=photo,
            code=code,
            reconstruction=reconstruction,
            edit=self.new_session().edit,
            past=(),
            changed=frozenset(),
        )

    def picture(self, session: Session) -> np.ndarray:
        """Render the session's code with its edit: RGB uint8 (H, W, 3)."""
        return render(self.inverter, self.edited_code(session))[0]

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

    def video(self, session: Session) -> bytes:
        """Return a WebP video from the reconstruction to the edit.

        Raises:
            ValueError: Nothing is edited.
        """
        if session.edit.is_nothing:
            raise ValueError('A video shows the way to an edit, but nothing is edited yet.')
        ways = (session.edit.at(i / (_FRAMES - 1)) for i in range(_FRAMES))
        codes = (way.apply(self.inverter, session.code, self.directions) for way in ways)
        return animated_webp([render(self.inverter, code)[0] for code in codes])


def shipped_directions(generator: BaseDetailGenerator) -> list[Direction]:
    """Load the shipped directions that were made with a generator, sorted by name.

    Args:
        generator (BaseDetailGenerator): The generator.

    Returns:
        list[Direction]: Empty for a generator that is not shipped.
    """
    found = []
    for path in local_path('asset://x').parent.rglob('*.safetensors'):
        try:
            direction = load_direction(path)
        except ValueError:  # weights or statistics
            continue
        if direction.fingerprint == generator.fingerprint:
            found.append(direction)
    return sorted(found, key=lambda direction: direction.name)


def _without_folder(path, read):
    """Read an uploaded file; errors do not tell where it lies on the server."""
    try:
        return read()
    except ValueError as error:
        raise ValueError(str(error).replace(os.fspath(path), Path(path).name)) from error
