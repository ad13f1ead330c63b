# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Where to look in photos: in a given window, or wherever faces are found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..io.decoding import decode
from ..io.errors import ImageReadError
from ..io.outputs import shown_path
from ..io.sources import ImageSource
from ..io.stamps import input_digests
from .faces import MARGIN, FaceFinder
from .in_photo import InPhoto
from .recent import Decoder
from .window import Window, centre_window

__all__ = ['FINDS', 'NO_FACE', 'Look']

FINDS = ('face', 'faces')
NO_FACE = ('fail', 'centre')


@dataclass(frozen=True)
class Look:
    """Where to look in photos.

    Args:
        window (Window | None): The same window in all of them. Defaults to None.
        finder (FaceFinder | None): Finds windows instead. Defaults to None.
        find (str): 'face' for the largest, 'faces' for all. Defaults to 'face'.
        margin (float): What a window shows about the square that an aligned face would fill, in
            sides of it. Defaults to 0.1.
        mask (str): As for :func:`mmgen_bdinvert.photos.mask.mask_of`. Defaults to '', which is
            all of the window.
        no_face (str): 'fail', or 'centre' for the largest square about the centre of a photo in
            which no face is found. Defaults to 'fail'.

    Raises:
        ValueError: There is not one of window and finder, or a value is not one of the above.
    """

    window: Window | None = None
    finder: FaceFinder | None = None
    find: str = 'face'
    margin: float = MARGIN
    no_face: str = 'fail'
    mask: str = ''

    def __post_init__(self) -> None:
        if (self.window is None) == (self.finder is None):
            raise ValueError('photos are looked at in a window, or with a finder: give one of both')
        if self.find not in FINDS or self.no_face not in NO_FACE:
            raise ValueError(
                f'find is one of {", ".join(FINDS)} and no_face one of {", ".join(NO_FACE)}, but '
                f'got {self.find!r} and {self.no_face!r}'
            )
        if self.finder is None and self.mask == 'face':
            raise ValueError("a mask of the kind 'face' needs --find, but a window was given")
        if not 0 <= self.margin <= 2:
            raise ValueError(f'the margin of a window is from 0 to 2, but got {self.margin!r}')

    def settings(self) -> dict[str, Any]:
        """Return what decides about the results, as JSON holds it."""
        mask = {'mask': self.mask, **input_digests(self.mask)} if self.mask else {}
        if self.window is not None:
            return {'window': str(self.window), **mask}
        finder = dict(finder=type(self.finder).__name__, **self.finder.settings())
        return dict(**finder, find=self.find, margin=self.margin, no_face=self.no_face, **mask)

    def at(self, photo: ImageSource, decoded: Decoder = decode) -> list[InPhoto]:
        """Return what there is to invert in a photo: at least one, of which a fault may be said.

        Args:
            photo (Path | TarMember): The photo.
            decoded (Callable): How it is read. Defaults to
                :func:`mmgen_bdinvert.io.decoding.decode`.
        """
        return [replace(place, mask=self.mask) for place in self._at(photo, decoded)]

    def _at(self, photo: ImageSource, decoded: Decoder) -> list[InPhoto]:
        if self.window is not None:
            return [InPhoto(photo, self.window)]
        try:
            picture = decoded(photo)
            faces = self.finder.find(picture)
        except ImageReadError as error:
            return [InPhoto(photo, None, fault=str(error))]
        except ValueError as error:
            return [InPhoto(photo, None, fault=f'{shown_path(photo)}: {error}')]
        if not faces and self.no_face == 'fail':
            fault = (
                f'no face is found in {shown_path(photo)}: give a --window, take its centre by '
                '--no-face centre, or accept less certain faces by --cfg-options '
                'face_finder.threshold=0.5'
            )
            return [InPhoto(photo, None, fault=fault)]
        if not faces:
            return [InPhoto(photo, centre_window(*picture.size))]
        faces = faces[:1] if self.find == 'face' else faces
        return [InPhoto(photo, f.window(self.margin), f.square, len(faces)) for f in faces]
