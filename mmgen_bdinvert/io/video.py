# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Videos: MP4, GIF and WebP, by the suffix of the file."""

from __future__ import annotations

import importlib.util
import io
import itertools
import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from .images import checked_picture
from .outputs import atomic_write, shown_path

VIDEO_SUFFIXES = ('.mp4', '.gif', '.webp')
_CRF = '18'  # constant rate factor of x264 with hardly visible compression
_BT709 = 1  # the number of this colour standard in a stream's header
_WEBP_QUALITY = 88
_FASTEST_GIF = 50  # browsers slow down what is faster


def check_video_path(path: str | os.PathLike, fps: float) -> None:
    """Make sure that :func:`save_video` can write such a file, before frames are made.

    Raises:
        ValueError: Another ending, or ``fps`` is below 0.1, above 1000, or above 50 for a GIF.
        ImportError: PyAV, which writes MP4, is missing.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in VIDEO_SUFFIXES:
        raise ValueError(
            f'A video file ends in {", ".join(VIDEO_SUFFIXES)}, but got {shown_path(path)}.'
        )
    limit = _FASTEST_GIF if suffix == '.gif' else 1000
    if not 0.1 <= fps <= limit:
        raise ValueError(f'A {suffix} has from 0.1 to {limit} frames a second, but got {fps}.')
    if suffix == '.mp4' and importlib.util.find_spec('av') is None:
        raise ImportError(
            "Writing MP4 needs PyAV: pip install 'mmgen_bdinvert[video]', or take .gif or .webp."
        )


def save_video(path: str | os.PathLike, frames: Iterable[np.ndarray], fps: float = 30) -> None:
    """Save frames as a video, atomically; they are taken one after the other.

    MP4 is H.264 in 4:2:0 with BT.709 colours, which browsers play; where there is an odd number of
    rows or columns, the last is repeated. GIF and WebP repeat for ever; GIF has 256 colours a frame
    and times in hundredths of a second.

    Args:
        path (str | os.PathLike): File name ending in ``.mp4``, ``.gif`` or ``.webp``.
        frames (Iterable[np.ndarray]): RGB uint8 (H, W, 3), all of one size; one or more.
        fps (float): Frames a second. Defaults to 30.

    Raises:
        ValueError, ImportError: As :func:`check_video_path`, or frames are none or differ.
        OutputError: The file cannot be written.
    """
    check_video_path(path, fps)
    checked = _checked(frames)
    first = next(checked, None)
    if first is None:
        raise ValueError('A video needs at least one frame, but got none.')
    write = _write_mp4 if Path(path).suffix.lower() == '.mp4' else _write_animation
    atomic_write(path, lambda file: write(file, itertools.chain([first], checked), fps))


def _checked(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    shape = None
    for frame in frames:
        frame = checked_picture(frame, 'frame')
        shape = shape or frame.shape
        if frame.shape != shape:
            raise ValueError(f'Frames have one size, but got {shape[:2]} and {frame.shape[:2]}.')
        yield frame


def _write_mp4(path: Path, frames: Iterable[np.ndarray], fps: float) -> None:
    import av
    from av.video.reformatter import ColorRange, Colorspace

    evened = map(_evened, frames)
    first = next(evened)
    # faststart puts the index in front, so that a browser can play before all is loaded.
    with av.open(os.fspath(path), 'w', options={'movflags': '+faststart'}) as container:
        stream = container.add_stream('libx264', rate=Fraction(fps).limit_denominator(1001))
        stream.options = {'crf': _CRF}
        stream.pix_fmt = 'yuv420p'
        stream.height, stream.width = first.shape[:2]
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = ColorRange.MPEG
        for frame in itertools.chain([first], evened):
            picture = av.VideoFrame.from_ndarray(frame, format='rgb24')
            picture = picture.reformat(
                format='yuv420p', dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
            )
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def _evened(frame: np.ndarray) -> np.ndarray:
    """Repeat the last row and column where their number is odd: 4:2:0 halves both sides."""
    height, width = frame.shape[:2]
    return np.pad(frame, [(0, height % 2), (0, width % 2), (0, 0)], mode='edge')


def _write_animation(path: Path, frames: Iterable[np.ndarray], fps: float) -> None:
    if path.suffix.lower() == '.gif':
        options = {'format': 'GIF', 'duration': 1000 / fps}
    else:
        options = {'format': 'WEBP', 'duration': round(1000 / fps), 'quality': _WEBP_QUALITY}
    pictures = map(Image.fromarray, frames)
    buffer = io.BytesIO()  # on a full disk, Pillow reports no cause
    next(pictures).save(buffer, save_all=True, append_images=pictures, loop=0, **options)
    path.write_bytes(buffer.getvalue())
