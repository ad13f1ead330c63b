# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Image files, and those in archives, to upright sRGB pictures."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

from PIL import Image, ImageFile, ImageOps

from bdinvert_cli.sentences import reason_of

from .archives import TarMember
from .colours import Stored, to_srgb
from .errors import ImageReadError, note_once
from .outputs import shown_path

# Only these decoders are tried: some of Pillow's others start other programs (EPS).
_DECODERS = ('PNG', 'JPEG', 'MPO', 'BMP', 'GIF', 'WEBP', 'TIFF', 'PPM', 'JPEG2000', 'AVIF', 'HEIF')
_MAX_BYTES = 2**30  # of a file: some decoders take all of it into memory
_MAX_SIDE = 2**18  # decoders hold some rows in memory
# Of decoders that need more memory than the picture; Pillow's limit for all is 179 megapixels.
_MEGAPIXELS = {'JPEG2000': 60, 'WEBP': 100, 'AVIF': 100, 'HEIF': 100, 'TIFF': 160}
_REDUCED_PIXELS = 2**25  # a larger picture is reduced while it is decoded
_PNG = b'\x89PNG\r\n\x1a\n'
_ORIENTATION = 0x0112
_BRANDS = {  # of ISO media files (ISO/IEC 14496-12)
    **dict.fromkeys(
        (b'heic', b'heix', b'heim', b'heis', b'hevc', b'hevx', b'mif1', b'msf1'), 'HEIF'
    ),
    **dict.fromkeys((b'avif', b'avis'), 'AVIF'),
}
_PACKAGES = {'HEIF': 'pillow-heif', 'AVIF': "'pillow>=11.3'"}


def decode(path: str | os.PathLike | TarMember, size: int | None = None) -> Image.Image:
    """Read an image file as sRGB, mode ``'RGB'``.

    If it is resized to ``size`` pixels a side afterwards, one of more than 33 megapixels is reduced
    to no less than four times that while it is decoded, which saves memory.

    Raises:
        ImageReadError: It cannot be read.
    """
    with _sentences(path) as (stream, shown):
        return _picture(stream, shown, size)


def stored(path: str | os.PathLike | TarMember) -> Image.Image:
    """Read an image file as it is stored, with its mode, colours, profile and EXIF, but upright.

    Raises:
        ImageReadError: It cannot be read.
    """
    with _sentences(path) as (stream, shown):
        image = _checked_image(stream, shown)
        image.load()
        held = orientation(image)
        return image if held == 1 else turned(image, held)


@contextlib.contextmanager
def _sentences(path: str | os.PathLike | TarMember) -> Iterator[tuple[BinaryIO, str]]:
    """Open an image file; whatever is wrong with it becomes an ImageReadError."""
    shown = shown_path(path)
    try:
        with _opened(path) as stream:
            yield stream, shown
    except ImageReadError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageReadError(
            f'image file {shown} is too large to be decoded safely; make it smaller first'
        ) from error
    except Image.UnidentifiedImageError as error:
        raise ImageReadError(
            f'{shown} is not an image in a known format; convert it to PNG or JPEG, or leave it out'
        ) from error
    except PermissionError as error:
        raise ImageReadError(f'image file {shown} may not be read; allow it first') from error
    except Exception as error:  # decoders raise almost any type on damaged data
        raise ImageReadError(
            f'image file {shown} is damaged or unsupported ({reason_of(error)}); '
            'convert it to PNG or JPEG, or leave it out'
        ) from error


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation of an image: 1 to 8, or another number without a meaning."""
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except Exception:  # a damaged EXIF block does not make the picture itself unreadable
        return 1


def turned(picture: Image.Image, orientation: int) -> Image.Image:
    """Put a picture upright, in place."""
    picture.getexif()[_ORIENTATION] = orientation
    ImageOps.exif_transpose(picture, in_place=True)
    return picture


@contextlib.contextmanager
def _opened(path: str | os.PathLike | TarMember) -> Iterator[BinaryIO]:
    shown = shown_path(path)
    opened: contextlib.AbstractContextManager[BinaryIO]
    if isinstance(path, TarMember):
        size, opened = path.size, path.open()
    else:
        if not os.path.exists(path):
            raise ImageReadError(f'image file {shown} does not exist; check the path')
        if not os.path.isfile(path):
            kind = 'a folder' if os.path.isdir(path) else 'not a regular file'
            raise ImageReadError(f'an image file is needed, but {shown} is {kind}; name a file')
        size, opened = os.path.getsize(path), open(path, 'rb')
    with opened as stream:
        if size == 0:
            raise ImageReadError(f'image file {shown} is empty; copy it again or leave it out')
        if size > _MAX_BYTES:
            raise ImageReadError(
                f'image file {shown} is too large: at most {_MAX_BYTES} bytes are read, but it has '
                f'{size}; make it smaller first'
            )
        yield stream


def _picture(stream: BinaryIO, shown: str, size: int | None) -> Image.Image:
    image = _checked_image(stream, shown)
    large = size is not None and image.width * image.height > _REDUCED_PIXELS
    if large:
        image.draft(None, (4 * size, 4 * size))  # JPEG alone can decode a smaller picture
    original = Stored.of(image, lambda: _image(stream, shown))
    image.load()
    factor = max(1, min(image.size) // (4 * size)) if large else 1
    return turned(to_srgb(image, shown, original, factor), orientation(image))


def _checked_image(stream: BinaryIO, shown: str) -> ImageFile.ImageFile:
    """Open an image that is not too large."""
    image = _image(stream, shown)
    pixels = image.width * image.height
    if max(image.size) > _MAX_SIDE or pixels > 1e6 * _MEGAPIXELS.get(image.format or '', 179):
        raise Image.DecompressionBombError
    if image.format != 'MPO' and _is_animated(image):  # what follows in an MPO is a preview
        note_once(f'image file {shown} has several frames or pages: the first is taken')
    return image


def _image(stream: BinaryIO, shown: str) -> ImageFile.ImageFile:
    """Open an image, but do not load it yet."""
    formats = [name for name in _decoders() if name in Image.OPEN]
    stream.seek(0)
    try:
        return Image.open(stream, formats=formats)
    except (Image.UnidentifiedImageError, ValueError):
        stream.seek(0)
        head = stream.read(12)
        kind = _BRANDS.get(head[8:]) if head[4:8] == b'ftyp' else None
        if kind is not None and kind not in formats:
            raise ImageReadError(
                f'image file {shown} is in the format {kind}, which nothing here reads; '
                f'pip install {_PACKAGES[kind]}, or convert it to PNG or JPEG'
            ) from None
        rest = _without_profile(stream)
        if rest is None:
            raise
    image = Image.open(rest, formats=formats)
    image.info['icc_profile'] = None  # as Pillow marks damaged profiles
    return image


@functools.cache
def _decoders() -> tuple[str, ...]:
    Image.init()
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    return _DECODERS


def _without_profile(stream: BinaryIO) -> BinaryIO | None:
    """Return a PNG file without its colour profile; None if it has none or is another file."""
    stream.seek(0)
    if stream.read(8) != _PNG:
        return None
    while len(head := stream.read(8)) == 8 and head[4:] != b'IDAT':
        begin, (length,) = stream.tell() - 8, struct.unpack('>I', head[:4])
        end = begin + length + 12
        if head[4:] == b'iCCP':
            stream.seek(0)
            data = stream.read()
            return io.BytesIO(data[:begin] + data[end:])
        stream.seek(end)
    return None


def _is_animated(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, 'is_animated', False))
    except Exception:  # the second frame is damaged
        return True
