# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Straighten faces, and complete what their photos do not show."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from ..geometry import (
    Transform,
    estimate_similarity,
    inverse,
    transform_image,
    validity_mask,
    warp,
)
from ..geometry.matrices import TransformLike
from ..models.encoder_trainer import moved_each
from ..models.inverters.base_inverter import OptimizationInverter
from ..models.inverters.completion import Completion
from ..models.inverters.regularized import RegularizedInverter
from ..structures import LatentCode
from ..utils.numbers import checked_number

__all__ = ['check_straightens', 'found_motions', 'straighten']

_AT_A_TIME = 8  # images
_LEAST = 0.05  # of an image, by which it can be straightened
_COMPLETED = 0.5  # weight of what is completed, in the second inversion


def straighten(
    inverter: OptimizationInverter,
    code: LatentCode,
    motion: TransformLike | Sequence[TransformLike] | None = None,
    *,
    shown: Tensor | None = None,
    num_steps: int = 20,
) -> LatentCode:
    """Undo the motion that took photos out of alignment, and complete what they do not show.

    :func:`align` moves the base code: what a photo's border cuts off is continued as it ends there,
    and cells are interpolated. Here the reconstruction is moved back, pixel by pixel; where the
    photo shows nothing, it is completed by the face that the generator draws with this detail code
    and with those style vectors before it that fit what the photo shows; and the whole is inverted
    once more with its detail code. So hair and shoulders go on as the generator knows faces.

    Args:
        inverter (OptimizationInverter): A RegularizedInverter. Its losses are used; the steps are
            those of L-BFGS, whatever its own optimiser, with gradients in bfloat16 where the
            processor has it, and the best state counts.
        code (LatentCode): n codes, without tuned weights or noise maps.
        motion (Transform | Tensor | Sequence | None): The motion T of the photos, as for
            :func:`align`, or n of them. Defaults to None: those that the detail encoder finds.
        shown (Tensor | None): What the photos show of the images, (n or 1, 1, H, W) from 0 to 1:
            less than all where a window leaves its photo, or something is masked. Defaults to all.
        num_steps (int): Steps of the completion, and of the second inversion. Defaults to 20.

    Returns:
        LatentCode: New base codes; the detail codes are the same, bit for bit. Colours and coarse
        style vectors, which codes of W+ carry, are in the base code then.

    Raises:
        TypeError: A motion is no transform.
        ValueError: The inverter has no base-code encoder, or no motion is given and it has no
            detail encoder; the code has changes of weights or was made with another generator; the
            motions are not n, or one cannot be inverted or leaves too little of an image in view.

    Example:
        >>> upright = straighten(inverter, code, GeometricTransform(rotate=20))
        >>> torch.equal(upright.detail, code.detail)
        True
    """
    inverter = copy.copy(check_straightens(inverter))
    inverter.num_steps = checked_number('num_steps', num_steps, least=0, whole=True)
    inverter.optimizer = dict(type='ImageLBFGS', history=50)
    inverter.keep_best, inverter.amp = True, 'gradients'
    generator = inverter.generator
    generator.check_code(code)
    if code.changes:
        raise ValueError('A code with tuned weights or noise maps is not inverted again: align it.')
    motions = list(motion) if isinstance(motion, (list, tuple)) else [motion] * len(code)
    if len(motions) != len(code):
        raise ValueError(f'{len(code)} codes need as many motions, but got {len(motions)}.')
    masks = [None] * len(code) if shown is None else list(shown.expand(len(code), -1, -1, -1))
    base = [code.base[:0]]
    for start in range(0, len(code), _AT_A_TIME):
        part = slice(start, start + _AT_A_TIME)
        images, seen = _moved_back(inverter, code[part], motions[part], masks[part], start)
        detail = code.detail[part].to(images)
        if seen.min() < 1:
            face = Completion(inverter, detail).invert(images, mask=seen).reconstruction
            images = torch.lerp(face.clamp(-1, 1), images, seen)
        held = inverter.with_detail(detail)
        found = held.invert(images, mask=seen.clamp(min=_COMPLETED))
        base.append(found.code.base.to(code.base))
    return replace(code, base=torch.cat(base), colours=None, coarse=None)


@torch.no_grad()
def _moved_back(
    inverter: RegularizedInverter,
    code: LatentCode,
    motions: Sequence[TransformLike | None],
    masks: Sequence[Tensor | None],
    first: int,
) -> tuple[Tensor, Tensor]:
    """Return aligned images (n, 3, H, W), and what photos show of them (n, 1, H, W).

    ``motions`` are n, None where it is to be found, ``masks`` what photos show, (1, H, W) or None;
    ``first`` is the number of the first image, for messages.
    """
    generator = inverter.generator
    code = code.to(generator.device)
    images = generator.render(code).clamp(-1, 1)
    if any(motion is None for motion in motions):
        motions = found_motions(inverter, images)
    back = [inverse(motion) for motion in motions]
    seen = torch.cat([_seen(each, mask, images) for each, mask in zip(back, masks)])
    for number, share in enumerate(seen.mean((1, 2, 3)).tolist(), first):
        if share < _LEAST:
            raise ValueError(
                f'The motion leaves {share:.0%} of image {number} in view, which is too little to '
                f'straighten it by: check the motion.'
            )
    return moved_each(images, back, partial(transform_image, mode='bicubic')).clamp(-1, 1), seen


def found_motions(inverter: RegularizedInverter, images: Tensor) -> list[Transform]:
    """Find the motions, n similarities, that took images (n, 3, H, W) out of alignment.

    Raises:
        ValueError: The inverter has no detail encoder.
    """
    if inverter.detail_encoder is None:
        raise ValueError(
            'Only a detail encoder finds the motion of a face, and the config has none: give the '
            'motion.'
        )
    with torch.no_grad():
        frames = inverter.detail_encoder.locate(inverter.generator.to_rgb(images)).cpu()  # [N23]
    corners = frames.new_tensor([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    return [
        estimate_similarity(corners, corners @ frame[:, :2].T + frame[:, 2]) for frame in frames
    ]


def check_straightens(inverter: object) -> RegularizedInverter:
    """Return an inverter if it has a base-code encoder; else a ValueError."""
    if not isinstance(inverter, RegularizedInverter):
        raise ValueError(
            f'To complete a face, a RegularizedInverter is needed, with its base-code encoder, but '
            f'got {type(inverter).__name__}.'
        )
    return inverter


def _seen(back: Transform, shown: Tensor | None, images: Tensor) -> Tensor:
    """Return what is known of an image (n, 3, H, W) that is moved: (1, 1, H, W) from 0 to 1."""
    seen = validity_mask(back, images.shape[-1], device=images.device).to(images)
    if shown is None or shown.min() == 1:
        return seen
    return seen * warp(shown[None].to(images), back).clamp(0, 1)
