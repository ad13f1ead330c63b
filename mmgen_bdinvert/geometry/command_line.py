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
from .warping import PADDING_MODES, SAMPLING_MODES

__all__ = ['add_motion_options', 'read_motion']

_CORNERS = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


def add_motion_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that :func:`read_motion` reads, and those on how a map is sampled.

    Args:
        parser (argparse.ArgumentParser): Gets ``--shift``, ``--rotate``, ``--scale``, ``--shear``,
            ``--flip``, ``--perspective``, ``--landmarks``, ``--template``, ``--align``,
            ``--and-back``, ``--padding-mode`` and ``--sampling``.
    """
    group = parser.add_argument_group('motion', 'flip, scale, shear, rotate, shift, perspective')
    pair = dict(nargs=2, type=float, default=(0.0, 0.0), metavar=('DX', 'DY'))
    group.add_argument('--shift', **pair, help='right and down, as fractions of the image')
    turn = dict(type=float, default=0.0, metavar='DEGREES')
    group.add_argument('--rotate', **turn, help='counter-clockwise')
    group.add_argument('--scale', type=float, default=1.0, metavar='S', help='enlargement')
    group.add_argument('--shear', **turn, help='lean the top to the right')
    group.add_argument('--flip', action='store_true', help='mirror left-right')
    points = dict(type=float, metavar='X')
    group.add_argument(
        '--perspective',
        nargs=8,
        **points,
        help='where the corners go, clockwise from the upper left: X Y X Y X Y X Y as fractions of '
        'the image, now 0 0 1 0 1 1 0 1',
    )
    group.add_argument(
        '--align',
        action='store_true',
        help='undo that motion of the photo instead, so that the face is aligned again',
    )
    group.add_argument(
        '--and-back',
        action='store_true',
        help='with --align: leave the edit where the photo shows it, with aligned views beside it',
    )
    group.add_argument(
        '--landmarks',
        nargs='+',
        **points,
        help='with --align: find the motion from two or more points X Y of the photo, as fractions',
    )
    group.add_argument(
        '--template', nargs='+', **points, help='where an aligned face has the landmarks'
    )
    group.add_argument(
        '--padding-mode',
        choices=(*PADDING_MODES, 'mean'),
        default='border',
        help='what comes in from outside: border; mean is the mean base code',
    )
    group.add_argument(
        '--sampling', choices=SAMPLING_MODES, default='bicubic', help='of the base code: bicubic'
    )


def read_motion(args: argparse.Namespace) -> Transform:
    """Build the motion that the options describe.

    Args:
        args (argparse.Namespace): With the options of :func:`add_motion_options`.

    Returns:
        Transform: The motion; with landmarks, that from the template to them.

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
        if not args.align or not motion.is_identity:
            raise ValueError('--landmarks belong to --align, and take the place of other motions')
        template = _from_fractions('--template', args.template)
        motion = estimate_similarity(template, _from_fractions('--landmarks', args.landmarks))
    if args.and_back and not args.align:
        raise ValueError('--and-back belongs to --align, which is missing')
    if args.align and motion.is_identity:
        raise ValueError('--align undoes the motion of the photo, but no motion is given')
    return motion


def _from_fractions(option: str, values: list[float]) -> Tensor:
    """Turn x y x y … in [0, 1] into normalised points (k, 2)."""
    if len(values) % 2:
        raise ValueError(f'{option} takes pairs X Y, but got {len(values)} numbers')
    return 2 * torch.tensor(values, dtype=torch.float64).view(-1, 2) - 1  # [(k2)] -> [k2]
