# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Embedded ICC profiles: from their colours to sRGB."""

from __future__ import annotations

import functools
import io
import itertools
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from PIL import Image, ImageCms

from .notes import say_once

__all__ = ['SrgbTransform']

_SPACES = {'L': 'GRAY', 'RGB': 'RGB', 'CMYK': 'CMYK', 'LAB': 'Lab'}  # by Pillow's mode
_MAX_BYTES = 2**23
_LEVELS = range(0, 256, 15)


class SrgbTransform:
    """Turns images into sRGB by the profile that one carries.

    A profile that cannot be used, because it is damaged, too large or one of other colours, is said
    once, and the image is taken to be sRGB.
    """

    def __init__(self, info: Mapping[str, Any], shown: str) -> None:
        self._given = 'icc_profile' in info and info['icc_profile'] != b''
        self._profile = info.get('icc_profile')
        self._shown = shown

    def __call__(self, image: Image.Image) -> Image.Image:
        """Turn an image of the mode L, RGB, CMYK or LAB into one of the mode RGB."""
        transform = self._transform(image.mode)
        if transform is None:
            return image.convert('RGB')
        return cast(Image.Image, ImageCms.applyTransform(image, transform))

    def _transform(self, mode: str) -> ImageCms.ImageCmsTransform | None:
        if self._given:
            try:
                return _transform(self._profile, mode)
            except Exception as error:  # Pillow raises several types on damaged profiles
                reason = ' '.join(str(error).split()) or type(error).__name__
                say_once(
                    f'the colour profile of {self._shown} is not used ({reason}): '
                    'its colours are taken to be sRGB'
                )
        return _transform(None, mode) if mode == 'LAB' else None


@functools.lru_cache(maxsize=4)
def _transform(profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Make the transform of a profile, None for Lab's own; None if its colours are sRGB already."""
    srgb = ImageCms.createProfile('sRGB')
    if profile is None and mode == 'LAB':
        return ImageCms.buildTransform(ImageCms.createProfile('LAB'), srgb, mode, 'RGB')
    if not isinstance(profile, bytes):
        raise ValueError('it is damaged or too large')
    if len(profile) > _MAX_BYTES:
        raise ValueError(f'it has {len(profile)} bytes, and at most {_MAX_BYTES} are read')
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    space = source.profile.xcolor_space.strip()
    if space != _SPACES[mode]:
        raise ValueError(f'it is one of {space} colours, but the picture is {_SPACES[mode]}')
    transform = ImageCms.buildTransform(source, srgb, mode, 'RGB')
    return None if _changes_nothing(transform, mode) else transform


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Return whether a transform moves no colour by more than what is lost in rounding."""
    if mode == 'L':
        sample = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    elif mode == 'RGB':
        colours = np.array(list(itertools.product(_LEVELS, repeat=3)), np.uint8)
        sample = Image.fromarray(colours[None])  # [1N3]
    else:
        return False
    before = np.asarray(sample.convert('RGB')).astype(int)
    return np.abs(np.asarray(ImageCms.applyTransform(sample, transform)) - before).max() <= 1
