# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Colour profiles (ICC): to sRGB, and back."""

from __future__ import annotations

import functools
import io
import itertools

import numpy as np
from PIL import Image, ImageCms

__all__ = ['from_srgb', 'lab_to_srgb', 'profile_to_srgb']

_PROFILE_SPACES = {'L': 'GRAY', 'RGB': 'RGB', 'CMYK': 'CMYK', 'LAB': 'Lab'}  # by Pillow's mode
_MAX_PROFILE_BYTES = 2**23


def lab_to_srgb() -> ImageCms.ImageCmsTransform:
    """Make the transform of Lab colours without a profile."""
    lab, srgb = ImageCms.createProfile('LAB'), ImageCms.createProfile('sRGB')
    return ImageCms.buildTransform(lab, srgb, 'LAB', 'RGB')


@functools.lru_cache(maxsize=4)
def profile_to_srgb(profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Make the transform of a profile; None if its colours are sRGB already.

    Args:
        profile (bytes | None): The profile; None stands for one that Pillow found damaged.
        mode (str): Pillow's mode of the picture: 'L', 'RGB', 'CMYK' or 'LAB'.

    Raises:
        Exception: It cannot be used. Pillow raises several types on damaged profiles.
    """
    transform = ImageCms.buildTransform(
        _opened(profile, mode), ImageCms.createProfile('sRGB'), mode, 'RGB'
    )
    return None if _changes_nothing(transform, mode) else transform


def from_srgb(profile: bytes) -> ImageCms.ImageCmsTransform:
    """Make the transform from sRGB to the colours of an RGB profile.

    Raises:
        Exception: It cannot be used, or goes one way only, as those of some cameras and scanners.
    """
    own = _opened(profile, 'RGB')
    return ImageCms.buildTransform(ImageCms.createProfile('sRGB'), own, 'RGB', 'RGB')


def _opened(profile: bytes | None, mode: str) -> ImageCms.ImageCmsProfile:
    if not isinstance(profile, bytes):
        raise ValueError('it is damaged or too large')
    if len(profile) > _MAX_PROFILE_BYTES:
        raise ValueError(f'it has {len(profile)} bytes, and at most {_MAX_PROFILE_BYTES} are read')
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    space, expected = source.profile.xcolor_space.strip(), _PROFILE_SPACES[mode]
    if space != expected:
        raise ValueError(f'it is one of {space} colours, but the picture is {expected}')
    return source


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Return whether a transform moves no colour by more than what is lost in rounding."""
    if mode == 'L':
        sample = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    elif mode == 'RGB':
        colours = np.array([*itertools.product(range(0, 256, 15), repeat=3)], np.uint8)
        sample = Image.fromarray(colours[None])  # [1N3]
    else:
        return False
    before = np.asarray(sample.convert('RGB')).astype(int)
    return np.abs(np.asarray(ImageCms.applyTransform(sample, transform)) - before).max() <= 1
