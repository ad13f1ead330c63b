# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Image files to RGB arrays and tensors, and back."""

from __future__ import annotations

import os
import zlib
from numbers import Integral

import numpy as np
import torch
from PIL import Image, PngImagePlugin
from torch import Tensor

from .archives import TarMember
from .decoding import decode
from .outputs import atomic_write, shown_path

FIT_MODES = ('crop', 'pad', 'squash')
# A third of the time of Pillow's defaults; files of photos are smaller, those of drawings larger.
PNG_OPTIONS = dict(compress_level=1, compress_type=zlib.Z_RLE)


def read_image(
    path: str | os.PathLike | TarMember,
    size: int | None = None,
    *,
    fit: str = 'crop',
) -> np.ndarray:
    """Read an image file as RGB, upright and square if a size is given.

    EXIF orientation is honoured, transparency composited on white, 16-bit values scaled to 8 bits
    (not clipped). An embedded colour profile is applied; of an animation the first frame is taken,
    which is said. HEIC needs the package pillow-heif.

    Args:
        path (str | os.PathLike | TarMember): Image file, or one inside a tar archive.
        size (int, optional): Side of the result in pixels, reached by Lanczos resampling. None
            keeps the picture as it is, whatever ``fit`` says. Defaults to None.
        fit (str): What happens to a picture that is not square: ``'crop'`` keeps the centre
            square, ``'pad'`` keeps everything and adds bars of the mean colour of the two edges
            that touch them, ``'squash'`` changes the aspect ratio. Defaults to 'crop'.

    Returns:
        np.ndarray: RGB uint8, (size, size, 3) or (H, W, 3).

    Raises:
        ImageReadError: The file is missing, empty, a folder, damaged, too large or no image.
        ValueError: ``size`` or ``fit`` is not one of the above.
    """
    if fit not in FIT_MODES:
        raise ValueError(f'fit must be one of {", ".join(FIT_MODES)}, but got {fit!r}')
    if size is not None and (not isinstance(size, Integral) or size < 1):
        raise ValueError(f'size must be a positive whole number of pixels, but got {size!r}')
    image = decode(path, size)
    return np.array(image if size is None else make_square(image, size, fit))


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
    ordered = _reorder(checked_picture(rgb), channel_order)
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


def checked_picture(picture: np.ndarray, label: str = 'picture') -> np.ndarray:
    """Return a picture that is RGB uint8 (H, W, 3); anything else is a ValueError."""
    picture = np.asarray(picture)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        raise ValueError(
            f'{label} must be uint8 (H, W, 3), but got {picture.dtype} {picture.shape}'
        )
    return picture


def save_png(path: str | os.PathLike, rgb: np.ndarray) -> None:
    """Save a picture as PNG, marked as sRGB, atomically.

    Args:
        path (str | os.PathLike): File name ending in ``.png``.
        rgb (np.ndarray): RGB uint8, (H, W, 3).

    Raises:
        ValueError: Another suffix or no such picture.
        OutputError: The file cannot be written.
    """
    picture = Image.fromarray(np.ascontiguousarray(checked_picture(rgb)))
    if os.path.splitext(path)[1].lower() != '.png':
        raise ValueError(f'picture file must end in .png, but got {shown_path(path)}')
    options = dict(pnginfo=png_of_srgb(), **PNG_OPTIONS)
    atomic_write(path, lambda temporary: picture.save(temporary, 'PNG', **options))


def png_of_srgb() -> PngImagePlugin.PngInfo:
    """Return what marks a PNG file as sRGB, for Pillow's ``pnginfo``."""
    info = PngImagePlugin.PngInfo()
    info.add(b'sRGB', b'\0')  # perceptual intent
    return info


def _reorder(pixels: np.ndarray, channel_order: str) -> np.ndarray:
    if channel_order not in ('rgb', 'bgr'):
        raise ValueError(f"channel_order must be 'rgb' or 'bgr', but got {channel_order!r}")
    return pixels if channel_order == 'rgb' else pixels[..., ::-1]


def make_square(image: Image.Image, size: int, fit: str) -> Image.Image:
    """Resize a picture to a square, see :func:`read_image`."""
    width, height = image.size
    if fit == 'pad' and width != height:
        return _pad(image, size)
    if fit == 'crop':
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    return image.resize((size, size), Image.Resampling.LANCZOS)


def _pad(image: Image.Image, size: int) -> Image.Image:
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
