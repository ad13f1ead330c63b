# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Motions as people write them on a command line."""

from __future__ import annotations

import argparse

import torch
from torch import Tensor

from .base import Transform
from .composition import compose
from .estimation import estimate_similarity
from .matrices import PerspectiveTransform
from .transform import GeometricTransform

__all__ = ['read_motion']

_CORNERS = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


def read_motion(args: argparse.Namespace) -> Transform:
    """Build the motion that the options of ``bdinvert_cli.options.add_motion_options`` describe.

    With landmarks it is the motion from the template to them.

    Raises:
        TypeError, ValueError: If a value is out of range, or options contradict each other.
    """
    motion: Transform = GeometricTransform(
        tuple(args.shift), args.rotate, args.scale, args.flip, args.shear
    )
    if args.perspective:
        corners = _from_fractions('--perspective', args.perspective)
        motion = compose(motion, PerspectiveTransform(2 * _CORNERS - 1, corners))
    if (args.landmarks is None) != (args.template is None):
        raise ValueError('--landmarks and --template go together, but one of them is missing')
    if args.landmarks is not None:
        if args.align != 'given' or not motion.is_identity:
            raise ValueError('--landmarks belong to --align, and take the place of other motions')
        template = _from_fractions('--template', args.template)
        motion = estimate_similarity(template, _from_fractions('--landmarks', args.landmarks))
    if args.and_back and not args.align:
        raise ValueError('--and-back belongs to --align, which is missing')
    if args.align == 'auto':
        if not motion.is_identity:
            raise ValueError('--align auto takes the motion from the face, but got another one')
    elif args.align and motion.is_identity:
        raise ValueError('--align undoes the motion of the photo, but no motion is given')
    return motion


def _from_fractions(option: str, values: list[float]) -> Tensor:
    """Turn x y x y … in [0, 1] into normalised points (k, 2)."""
    if len(values) % 2:
        raise ValueError(f'{option} takes pairs X Y, but got {len(values)} numbers')
    return 2 * torch.tensor(values, dtype=torch.float64).view(-1, 2) - 1  # [(k2)] -> [k2]
