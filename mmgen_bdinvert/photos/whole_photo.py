# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A photo in its own colours, into which an edited window goes back."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from ..io import atomic_write
from ..io.decoding import decode, stored
from ..io.images import PNG_OPTIONS, png_of_srgb
from ..io.profiles import from_srgb, profile_to_srgb
from ..io.sources import ImageSource

__all__ = ['WholePhoto']


class WholePhoto:
    """A photo as it is stored: its pixels, profile and EXIF data.

    Photos that are no 8-bit RGB, such as grey ones, CMYK and those of 16 bits, become sRGB, and so
    do those with a profile into whose colours there is no way.

    Raises:
        ImageReadError: It cannot be read.
    """

    def __init__(self, source: ImageSource) -> None:
        image = stored(source)
        self._exif = _exif(image)
        self._profile = image.info.get('icc_profile')
        self._to_srgb = self._from_srgb = None
        alpha = None
        if image.mode not in ('RGB', 'RGBA') or 'transparency' in image.info:
            image, self._profile = decode(source), None
        elif image.mode == 'RGBA':
            alpha, image = image.getchannel('A'), image.convert('RGB')
        if self._profile:
            try:
                self._to_srgb = profile_to_srgb(self._profile, 'RGB')
            except Exception:  # Pillow raises several types; reading the photo has said it
                self._to_srgb = None
        if self._to_srgb is not None:
            try:
                self._from_srgb = from_srgb(self._profile)
            except Exception:  # alike
                image = Image.fromarray(self.srgb(np.array(image)))
                self._profile = self._to_srgb = None
        self._alpha = alpha
        self.pixels = np.array(image)  # RGB uint8 (H, W, 3), in the photo's own colours

    def srgb(self, pixels: np.ndarray) -> np.ndarray:
        """Turn pixels of the photo, uint8 (H, W, 3), into sRGB."""
        return _applied(self._to_srgb, pixels)

    def own(self, pixels: np.ndarray) -> np.ndarray:
        """Turn sRGB pixels, uint8 (H, W, 3), into the colours of the photo."""
        return _applied(self._from_srgb, pixels)

    def reduce(self, share: float) -> None:
        """Reduce the photo to a share of its sides, in place."""
        height, width = (max(1, round(share * side)) for side in self.pixels.shape[:2])
        picture = Image.fromarray(self.pixels)
        self.pixels = np.array(picture.resize((width, height), Image.Resampling.LANCZOS))
        self._alpha = None if self._alpha is None else self._alpha.resize((width, height))

    def save(self, path: str | os.PathLike, pixels: np.ndarray) -> None:
        """Save pixels like :attr:`pixels` as PNG, with the photo's profile and EXIF data.

        Raises:
            OutputError: The file cannot be written.
        """
        image = Image.fromarray(pixels)
        if self._alpha is not None:
            image.putalpha(self._alpha)
        info = None if self._profile else png_of_srgb()

        def write(temporary: Path) -> None:
            image.save(
                temporary,
                'PNG',
                icc_profile=self._profile,
                exif=self._exif,
                pnginfo=info,
                **PNG_OPTIONS,
            )

        atomic_write(path, write)


def _exif(image: Image.Image) -> bytes:
    try:
        return image.getexif().tobytes()
    except Exception:  # a damaged block; it is left out
        return b''


def _applied(transform: ImageCms.ImageCmsTransform | None, pixels: np.ndarray) -> np.ndarray:
    if transform is None:
        return pixels
    return np.array(ImageCms.applyTransform(Image.fromarray(pixels), transform))
