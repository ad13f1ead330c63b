# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Move images by their base codes, and align what was moved."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..geometry import inverse, transform_base
from ..geometry.matrices import TransformLike
from ..structures import LatentCode
from .inference import Renderer, generator_of

__all__ = ['align', 'transform']


def transform(
    inverter: Renderer,
    code: LatentCode,
    transform: TransformLike,
    *,
    padding_mode: str | Tensor = 'border',
    mode: str = 'bicubic',
) -> LatentCode:
    """Move the content of images by their base codes alone: ``T'(f)`` (paper, section 3).

    Args:
        inverter (OptimizationInverter | BaseDetailGenerator): Has the generator.
        code (LatentCode): n codes.
        transform (Transform | Tensor): The motion, or a (3, 3) matrix, in the convention
            of :mod:`mmgen_bdinvert.geometry.transform`.
        padding_mode (str | Tensor): What fills the area that comes into view: 'border',
            'reflection', 'zeros' or a base code, as for
            :func:`mmgen_bdinvert.geometry.transform_base`; 'mean' is the generator's mean base
            code. Defaults to 'border'.
        mode (str): 'bicubic' or 'bilinear'. Defaults to 'bicubic'.

    Returns:
        LatentCode: New base codes; the detail codes are the same, bit for bit.

    Raises:
        TypeError: ``transform`` is neither.
        ValueError: The code was made with another generator, or the motion or an option cannot be
            used.

    Example:
        >>> moved = transform(inverter, code, GeometricTransform(shift=(0.25, 0.0), rotate=15))
        >>> torch.equal(moved.detail, code.detail), torch.equal(moved.base, code.base)
        (True, False)
    """
    generator = generator_of(inverter)
    generator.check_code(code)
    if isinstance(padding_mode, str) and padding_mode == 'mean':
        padding_mode = generator.mean_base
        if generator.normalizes_base:  # mean and scale of a channel are each code's own
            spread, mean = torch.std_mean(code.base, (2, 3), keepdim=True)
            padding_mode = F.instance_norm(padding_mode) * spread + mean
    base = transform_base(code.base, transform, padding_mode=padding_mode, mode=mode)
    colours = code.colours
    if colours is not None:  # they lie under the image like the base code, and move along
        outside = padding_mode if isinstance(padding_mode, str) else 'border'
        colours = transform_base(colours, transform, padding_mode=outside, mode=mode)
    coarse = code.coarse if torch.equal(base, code.base) else None  # no w+ can hold motion
    return replace(code, base=base, colours=colours, coarse=coarse)


def align(
    inverter: Renderer,
    code: LatentCode,
    motion: TransformLike,
    *,
    padding_mode: str | Tensor = 'border',
    mode: str = 'bicubic',
) -> LatentCode:
    """Undo the motion that took photos out of alignment: ``T'⁻¹(f)``.

    The result is for viewing, classifying or inverting again. To edit the photo itself, use
    :func:`edit` on ``code``: directions act on the detail code only, so no motion is needed.

    Args:
        inverter, code, padding_mode, mode: As for :func:`transform`.
        motion (Transform | Tensor): The motion T of the photos, for instance from
            :func:`mmgen_bdinvert.geometry.estimate_similarity` with the landmarks of an aligned
            face and those of the photo.

    Returns:
        LatentCode: New base codes; the detail codes are the same, bit for bit.

    Raises:
        TypeError, ValueError: As :func:`transform`, or if the motion cannot be inverted.

    Example:
        >>> aligned = align(inverter, code, GeometricTransform(rotate=20))
        >>> back = transform(inverter, code, GeometricTransform(rotate=-20))
        >>> torch.allclose(aligned.base, back.base, atol=1e-4)
        True
    """
    return transform(inverter, code, inverse(motion), padding_mode=padding_mode, mode=mode)
