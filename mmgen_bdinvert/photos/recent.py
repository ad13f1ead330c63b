# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The photos that were decoded last."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from PIL import Image

from ..io.decoding import decode
from ..io.sources import ImageSource
from ..io.stamps import FileStamp, source_stamp

__all__ = ['Decoder', 'RecentPhotos']

Decoder = Callable[[ImageSource], Image.Image]

_KEPT = 2  # a photo and its mask


class RecentPhotos:
    """Decodes photos and masks, and keeps the last two: faces of a photo follow each other.

    Threads take turns.
    """

    def __init__(self) -> None:
        self._kept: dict[ImageSource, tuple[FileStamp | None, Image.Image]] = {}
        self._lock = Lock()

    def __call__(self, source: ImageSource) -> Image.Image:
        """Return a photo as sRGB, mode ``'RGB'``; it is not to be changed.

        Raises:
            ImageReadError: It cannot be read.
        """
        with self._lock:
            return self._decoded(source)

    def _decoded(self, source: ImageSource) -> Image.Image:
        stamp = source_stamp(source)
        kept, picture = self._kept.pop(source, (None, None))
        if picture is None or stamp is None or kept != stamp:
            picture = None  # before the next one is in memory
            while len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            picture = decode(source)
        self._kept[source] = stamp, picture
        return picture
