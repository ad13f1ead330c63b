# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Pixels of every kind to sRGB in 8 bits, piece by piece: a large picture is in memory once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFile

from .colour_profiles import SrgbTransform

__all__ = ['Stored', 'to_srgb']

_PIECE = 1024  # pixels, side
_WHITE_IS_ZERO = 0  # TIFF's PhotometricInterpretation, tag 262


@dataclass(frozen=True)
class Stored:
    """What is known of a file's values only until Pillow has loaded them.

    Args:
        black (float): Of deep grey, what stands for black. Defaults to 0.
        white (float): What stands for white. Defaults to 65535.
        clear (tuple[int, ...] | None): The colour that is transparent, as loaded. Defaults to none.
        low (Image.Image | None): The low bytes of 16-bit colours, where ``clear`` needs them.
        clear_low (tuple[int, ...]): Those of ``clear``.
    """

    black: float = 0
    white: float = 65535
    clear: tuple[int, ...] | None = None
    low: Image.Image | None = None
    clear_low: tuple[int, ...] = ()

    @classmethod
    def of(
        cls, image: Image.Image, reopen: Callable[[], ImageFile.ImageFile] | None = None
    ) -> Stored:
        """Look at an image before it is loaded.

        Args:
            image (Image.Image): From ``Image.open``.
            reopen (Callable | None): Opens it once more. Defaults to None: the low bytes of 16-bit
                colours are not looked at.
        """
        raw = _raw_mode(image)
        black, white = 0.0, 1.0 if image.mode == 'F' else 4095.0 if raw == 'I;12' else 65535.0
        if getattr(image, 'tag_v2', {}).get(262) == _WHITE_IS_ZERO:  # Pillow turns 8 bits itself
            black, white = white, black
        clear = image.info.get('transparency')
        if clear is None or not (image.mode in ('1', 'L', 'RGB') or _is_deep(image)):
            return cls(black, white)  # palettes and opacities speak for themselves
        clear = clear if isinstance(clear, tuple) else (clear,)
        if raw == 'RGB;16B':
            low = None if reopen is None else _low_bytes(reopen())
            high = tuple(value >> 8 for value in clear)
            return cls(clear=high, low=low, clear_low=tuple(value & 255 for value in clear))
        # PNG gives the colour in the file's depth, of which higher bits do not count.
        bits = 16 if _is_deep(image) else {'L;2': 2, 'L;4': 4}.get(raw, 8)
        scale = 255 // (2**bits - 1) or 1
        return cls(black, white, tuple((value & (2**bits - 1)) * scale for value in clear))


def _low_bytes(image: ImageFile.ImageFile) -> Image.Image:
    """Load the low instead of the high bytes of 16-bit colours."""
    vars(image)['tile'] = [(*tile[:3], 'RGB;16L') for tile in image.tile]
    image.load()
    return image


def to_srgb(
    image: Image.Image, shown: str, stored: Stored | None = None, factor: int = 1
) -> Image.Image:
    """Turn a loaded image of any mode into an RGB one.

    Colour profiles are applied, transparency is composited on white, and deep grey is scaled.

    Args:
        image (Image.Image): Any mode.
        shown (str): What messages call it.
        stored (Stored, optional): What its file said. Defaults to nothing but what the image knows.
        factor (int): Blocks of so many pixels a side become one. Defaults to 1.

    Returns:
        Image.Image: Mode ``'RGB'``, sRGB.

    Raises:
        ValueError: Deep grey has values out of its range.
    """
    stored = stored or Stored.of(image)
    transform = SrgbTransform(image.info, shown)
    result = Image.new('RGB', [-(-side // factor) for side in image.size])
    step = max(1, _PIECE // factor)
    for top in range(0, result.height, step):
        for left in range(0, result.width, step):
            right = min(factor * (left + step), image.width)
            bottom = min(factor * (top + step), image.height)
            box = (factor * left, factor * top, right, bottom)
            piece = _opaque(*_parts(image, box, stored), transform)
            result.paste(piece.reduce(factor) if factor > 1 else piece, (left, top))
    return result


def _parts(
    image: Image.Image, box: tuple[int, int, int, int], stored: Stored
) -> tuple[Image.Image, Image.Image | None]:
    """Cut a piece out: its colours in grey, RGB, CMYK or Lab, and its opacity."""
    piece = image.crop(box)
    opacity = None
    if stored.clear is not None:
        clear = _equal(piece, stored.clear)
        if stored.low is not None:
            clear &= _equal(stored.low.crop(box), stored.clear_low)
        opacity = Image.fromarray(np.where(clear, 0, 255).astype(np.uint8))
    if _is_deep(piece):
        return _eight_bits(piece, stored), opacity
    if piece.mode in ('P', 'PA'):
        piece = piece.convert(
            'RGBA' if piece.mode == 'PA' or 'transparency' in piece.info else 'RGB'
        )
    elif piece.mode == '1':
        piece = piece.convert('L')
    if piece.mode in ('RGBA', 'LA'):
        opacity = piece.getchannel('A')
        # Converted without a look at `transparency`, which counts no more.
        piece = piece.getchannel('L') if piece.mode == 'LA' else piece.convert('RGB')
    return piece, opacity


def _equal(image: Image.Image, colour: tuple[int, ...]) -> np.ndarray:
    values = np.asarray(image.convert('L') if image.mode == '1' else image)
    return (values.reshape(image.height, image.width, -1) == np.array(colour)).all(2)


def _opaque(
    colours: Image.Image, opacity: Image.Image | None, transform: SrgbTransform
) -> Image.Image:
    rgb = transform(colours)
    if opacity is None:
        return rgb
    rgb.putalpha(opacity)
    return Image.alpha_composite(Image.new('RGBA', rgb.size, 'white'), rgb).convert('RGB')


def _is_deep(image: Image.Image) -> bool:
    return image.mode in ('I', 'F') or image.mode.startswith('I;16')


def _eight_bits(image: Image.Image, stored: Stored) -> Image.Image:
    """Scale 16-bit and floating-point grey; Pillow's own conversion would clip them at 255."""
    low, high = sorted((stored.black, stored.white))
    grey = np.asarray(image).astype(np.float64)
    if not (grey.min() >= low and grey.max() <= high):
        raise ValueError(
            f'values must lie in [{low:g}, {high:g}], not [{grey.min():g}, {grey.max():g}]'
        )
    grey = (grey - stored.black) * (255 / (stored.white - stored.black))
    return Image.fromarray(np.rint(grey).astype(np.uint8))


def _raw_mode(image: Image.Image) -> str:
    """Return how the pixels lie in the file, as Pillow names it."""
    tiles = getattr(image, 'tile', None)
    arguments = tiles[0][3] if tiles else ''
    raw = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return raw if isinstance(raw, str) else ''
