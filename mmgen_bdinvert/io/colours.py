# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Pixels of every kind to sRGB in 8 bits, piece by piece: a large picture is in memory once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms, ImageFile

from bdinvert_cli.sentences import reason_of

from .errors import note_once
from .profiles import lab_to_srgb, profile_to_srgb

_PIECE = 1024  # pixels, side
_WHITE_IS_ZERO = 0  # TIFF's PhotometricInterpretation, tag 262


@dataclass(frozen=True)
class Stored:
    """What a file says of its values, which is lost once Pillow has loaded them."""

    black: float = 0  # of grey in more than 8 bits
    white: float = 65535
    clear: tuple[int, ...] | None = None  # the colour that is transparent, as loaded
    low: Image.Image | None = None  # the low bytes of 16-bit colours, where `clear` needs them
    clear_low: tuple[int, ...] = ()

    @classmethod
    def of(
        cls, image: Image.Image, reopen: Callable[[], ImageFile.ImageFile] | None = None
    ) -> Stored:
        """Read it from an image that ``Image.open`` made; ``reopen`` gives its low bytes."""
        raw = _raw_mode(image)
        black, white = 0.0, 1.0 if image.mode == 'F' else 4095.0 if raw == 'I;12' else 65535.0
        if getattr(image, 'tag_v2', {}).get(262) == _WHITE_IS_ZERO:  # Pillow inverts 8 bits itself
            black, white = white, black
        clear = image.info.get('transparency')
        if clear is None or not (image.mode in ('1', 'L', 'RGB') or _is_deep(image)):
            return cls(black, white)  # palettes and alpha channels need nothing of this
        clear = clear if isinstance(clear, tuple) else (clear,)
        if raw == 'RGB;16B':
            low = None if reopen is None else _low_bytes(reopen())
            high = tuple(value >> 8 for value in clear)
            return cls(clear=high, low=low, clear_low=tuple(value & 255 for value in clear))
        # PNG gives the colour in the bits of the file's depth; higher bits do not count.
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
    """Turn a loaded image of any mode into sRGB, mode ``'RGB'``.

    Colour profiles are applied, transparency is composited on white, and grey in more than 8 bits
    is scaled. Blocks of ``factor`` pixels a side become one. Messages call the image ``shown``.

    Raises:
        ValueError: Grey in more than 8 bits has values out of its range.
    """
    stored = stored or Stored.of(image)
    profile = image.info.get('icc_profile', b'')  # None if Pillow found it damaged
    result = Image.new('RGB', [-(-side // factor) for side in image.size])
    step = max(1, _PIECE // factor)
    for top in range(0, result.height, step):
        for left in range(0, result.width, step):
            right = min(factor * (left + step), image.width)
            bottom = min(factor * (top + step), image.height)
            box = (factor * left, factor * top, right, bottom)
            piece = _opaque(*_parts(image, box, stored), profile, shown)
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
        # `convert` would look at `transparency`, which alpha replaces, in LA.
        piece = piece.getchannel('L') if piece.mode == 'LA' else piece.convert('RGB')
    return piece, opacity


def _equal(image: Image.Image, colour: tuple[int, ...]) -> np.ndarray:
    values = np.asarray(image.convert('L') if image.mode == '1' else image)
    return (values.reshape(image.height, image.width, -1) == np.array(colour)).all(2)


def _opaque(
    colours: Image.Image, opacity: Image.Image | None, profile: bytes | None, shown: str
) -> Image.Image:
    rgb = _to_rgb(colours, profile, shown)
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


def _to_rgb(image: Image.Image, profile: bytes | None, shown: str) -> Image.Image:
    """Turn an image of the mode L, RGB, CMYK or LAB into sRGB by its colour profile."""
    transform = lab_to_srgb() if image.mode == 'LAB' else None
    if profile != b'':
        try:
            transform = profile_to_srgb(profile, image.mode)
        except Exception as error:  # Pillow raises several types on damaged profiles
            note_once(
                f'the colour profile of {shown} is not used ({reason_of(error)}): '
                'its colours are taken to be sRGB'
            )
    rgb = image.convert('RGB') if transform is None else ImageCms.applyTransform(image, transform)
    assert rgb is not None  # only a change in place returns None
    return rgb
