# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Image files to RGB arrays and tensors: reading and converting."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from .outputs import shown_path

if TYPE_CHECKING:
    from .sources import TarMember

FIT_MODES = ('crop', 'pad', 'squash')

# Only these decoders are tried: some of Pillow's others start outside programs (EPS).
_DECODERS = ('PNG', 'JPEG', 'MPO', 'BMP', 'GIF', 'WEBP', 'TIFF', 'PPM', 'JPEG2000', 'AVIF', 'HEIF')


class ImageReadError(ValueError):
    """An image file cannot be read; the message is one sentence that names the file."""


def read_image(
    path: str | os.PathLike | TarMember,
    size: int | None = None,
    *,
    fit: str = 'crop',
    pad_colour: str | int | Sequence[int] = 'edge',
) -> np.ndarray:
    """Read an image file as RGB, upright and square if a size is given.

    EXIF orientation is honoured, transparency composited on white, 16-bit values scaled to 8 bits
    (not clipped); an animation gives its first frame. Colour profiles are not applied.

    Args:
        path (str | os.PathLike | TarMember): Image file, or one inside a tar archive.
        size (int, optional): Side of the result in pixels, reached by Lanczos resampling. None
            keeps the picture as it is, whatever ``fit`` says. Defaults to None.
        fit (str): What happens to a picture that is not square: ``'crop'`` keeps the centre
            square, ``'pad'`` keeps everything and adds bars, ``'squash'`` changes the aspect
            ratio. Defaults to 'crop'.
        pad_colour (str | int | Sequence[int]): Colour of the bars: ``'edge'`` is the mean of the
            two picture edges that touch them; or one grey or three RGB values in [0, 255].
            Defaults to 'edge'.

    Returns:
        np.ndarray: RGB uint8, (size, size, 3) or (H, W, 3).

    Raises:
        ImageReadError: The file is missing, empty, a folder, damaged, too large or no image.
        ValueError: ``size``, ``fit`` or ``pad_colour`` is not one of the above.
    """
    if fit not in FIT_MODES:
        raise ValueError(f'fit must be one of {", ".join(FIT_MODES)}, but got {fit!r}')
    if size is not None and (not isinstance(size, Integral) or size < 1):
        raise ValueError(f'size must be a positive whole number of pixels, but got {size!r}')
    colour = _check_colour(pad_colour)
    image = _decode(path)
    return np.array(image if size is None else _make_square(image, size, fit, colour))


def image_to_tensor(rgb: np.ndarray, channel_order: str = 'rgb') -> Tensor:
    """Turn an RGB picture into a tensor in the channel order of a model.

    Args:
        rgb (np.ndarray): RGB uint8, (H, W, 3).
        channel_order (str): ``'rgb'`` or ``'bgr'``, the order of the result. Defaults to 'rgb'.

    Returns:
        Tensor: float32 (1, 3, H, W) in [-1, 1].

    Raises:
        ValueError: The picture is not uint8 (H, W, 3), or the order is unknown.
    """
    rgb = np.asarray(rgb)
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ValueError(f'image must be uint8 (H, W, 3), but got {rgb.dtype} {rgb.shape}')
    ordered = _reorder(rgb, channel_order)
    planes = torch.from_numpy(ordered.transpose(2, 0, 1).astype(np.float32))  # [HWC] -> [CHW]
    return (planes / 127.5 - 1).unsqueeze(0)  # [1CHW]


def tensor_to_image(image: Tensor, channel_order: str = 'rgb') -> np.ndarray:
    """Turn one image tensor into an RGB picture, rounded and clamped.

    Args:
        image (Tensor): Any float type, (3, H, W) or (1, 3, H, W), in [-1, 1].
        channel_order (str): ``'rgb'`` or ``'bgr'``, the order of ``image``. Defaults to 'rgb'.

    Returns:
        np.ndarray: RGB uint8, (H, W, 3).

    Raises:
        ValueError: Another shape, a NaN or an unknown order.
    """
    if image.ndim == 4 and image.shape[0] == 1:
        image = image[0]
    if image.ndim != 3 or image.shape[0] != 3:
        raise ValueError(
            f'image must be (3, H, W) or (1, 3, H, W), but got {tuple(image.shape)}; '
            'use tensor_to_images for a batch'
        )
    image = image.detach().to('cpu', torch.float32)
    if image.isnan().any():
        raise ValueError('image must not hold NaN; the model that made it has diverged')
    pixels = ((image + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    ordered = pixels.permute(1, 2, 0).numpy()  # [CHW] -> [HWC]
    return np.ascontiguousarray(_reorder(ordered, channel_order))


def tensor_to_images(images: Tensor, channel_order: str = 'rgb') -> list[np.ndarray]:
    """Turn a batch (n, 3, H, W) into n pictures; see :func:`tensor_to_image`."""
    if images.ndim != 4:
        raise ValueError(f'images must be (n, 3, H, W), but got {tuple(images.shape)}')
    return [tensor_to_image(image, channel_order) for image in images]


def _reorder(pixels: np.ndarray, channel_order: str) -> np.ndarray:
    if channel_order not in ('rgb', 'bgr'):
        raise ValueError(f"channel_order must be 'rgb' or 'bgr', but got {channel_order!r}")
    return pixels if channel_order == 'rgb' else pixels[..., ::-1]


def _check_colour(colour: str | int | Sequence[int]) -> tuple[int, ...] | None:
    if isinstance(colour, str) and colour == 'edge':
        return None
    values = (colour,) * 3 if isinstance(colour, Integral) else colour
    valid = [v for v in values if isinstance(v, Integral) and 0 <= v <= 255]
    if len(values) != 3 or len(valid) != 3:
        raise ValueError(
            "pad_colour must be 'edge', a grey or three RGB values, each a whole number in "
            f'[0, 255], but got {colour!r}'
        )
    return tuple(int(v) for v in values)


def _open(path: str | os.PathLike | TarMember) -> BinaryIO:
    shown = shown_path(path)
    if hasattr(path, 'read'):  # a TarMember
        return io.BytesIO(path.read())
    if not os.path.exists(path):
        raise ImageReadError(f'image file {shown} does not exist; check the path')
    if not os.path.isfile(path):
        kind = 'a folder' if os.path.isdir(path) else 'not a regular file'
        raise ImageReadError(f'an image file is needed, but {shown} is {kind}; name a file')
    if os.path.getsize(path) == 0:
        raise ImageReadError(f'image file {shown} is empty; copy it again or leave it out')
    return open(path, 'rb')


def _decode(path: str | os.PathLike | TarMember) -> Image.Image:
    shown = shown_path(path)
    Image.init()
    try:
        with _open(path) as stream:
            image = Image.open(stream, formats=[name for name in _DECODERS if name in Image.OPEN])
            image.load()
            return _to_rgb(_upright(image))
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
        reason = ' '.join(str(error).split()) or type(error).__name__
        raise ImageReadError(
            f'image file {shown} is damaged or unsupported ({reason}); '
            'convert it to PNG or JPEG, or leave it out'
        ) from error


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a damaged EXIF block does not make the picture itself unreadable
        return image


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ('I', 'F') or image.mode.startswith('I;16'):
        return _deep_grey_to_rgb(image)
    if image.mode in ('RGBA', 'LA', 'PA') or 'transparency' in image.info:
        image = image.convert('RGBA')
        image = Image.alpha_composite(Image.new('RGBA', image.size, 'white'), image)
    return image.convert('RGB')


def _deep_grey_to_rgb(image: Image.Image) -> Image.Image:
    """Scale 16-bit and floating-point grey; Pillow's own conversion would clip them at 255."""
    white = 1.0 if image.mode == 'F' else 65535.0
    grey = np.asarray(image).astype(np.float64)
    if not (grey.min() >= 0 and grey.max() <= white):
        raise ValueError(f'values must lie in [0, {white:g}], not [{grey.min():g}, {grey.max():g}]')
    return Image.fromarray(np.rint(grey * (255 / white)).astype(np.uint8)).convert('RGB')


def _make_square(
    image: Image.Image, size: int, fit: str, colour: tuple[int, ...] | None
) -> Image.Image:
    width, height = image.size
    if fit == 'pad' and width != height:
        return _pad(image, size, colour)
    if fit == 'crop':
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    return image.resize((size, size), Image.Resampling.LANCZOS)


def _pad(image: Image.Image, size: int, colour: tuple[int, ...] | None) -> Image.Image:
    if colour is None:
        pixels = np.asarray(image)
        edges = pixels[:, [0, -1]] if image.height > image.width else pixels[[0, -1]]
        mean = edges.reshape(-1, 3).mean(axis=0)  # [HWC] -> [KC]
        colour = tuple(int(round(value)) for value in mean)
    longest = max(image.size)
    width, height = (max(1, round(side * size / longest)) for side in image.size)
    canvas = Image.new('RGB', (size, size), colour)
    resized = image.resize((width, height), Image.Resampling.LANCZOS)
    canvas.paste(resized, ((size - width) // 2, (size - height) // 2))
    return canvas
