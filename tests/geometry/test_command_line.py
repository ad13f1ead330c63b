# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import argparse

import pytest
import torch

from bdinvert_cli.options import add_motion_options, shield_ranges
from mmgen_bdinvert.geometry import (
    GeometricTransform,
    PerspectiveTransform,
    inverse,
    read_motion,
)

CORNERS = [[-1, -1], [1, -1], [1, 1], [-1, 1]]
FACE = torch.tensor([[0.35, 0.4], [0.65, 0.4], [0.5, 0.7]], dtype=torch.float64)


def read(*words):
    parser = argparse.ArgumentParser()
    add_motion_options(parser)
    args = parser.parse_args([str(word) for word in words])
    return read_motion(args), args


def flat(points):
    return points.flatten().tolist()


def test_nothing_moves_unless_said():
    motion, args = read()
    assert motion == GeometricTransform() and motion.is_identity
    assert (args.align, args.and_back) == (False, False)
    assert (args.padding_mode, args.sampling) == ('border', 'bicubic')


def test_each_option_is_its_parameter():
    words = '--shift -0.1 0.2 --rotate -30 --scale 0.5 --shear 12 --flip'.split()
    motion, _ = read(*words)
    assert motion == GeometricTransform((-0.1, 0.2), -30, 0.5, True, 12)


def test_corners_are_fractions_clockwise_from_the_upper_left():
    motion, _ = read('--perspective', 0, 0, 1, 0, 1, 1, 0, 1)
    torch.testing.assert_close(motion.matrix(), torch.eye(3, dtype=torch.float64))
    motion, _ = read('--perspective', 0.1, 0, 1, 0.2, 1, 1, 0, 1, '--rotate', 10)
    tilt = PerspectiveTransform(CORNERS, [[-0.8, -1], [1, -0.6], [1, 1], [-1, 1]])
    expected = tilt.matrix() @ GeometricTransform(rotate=10).matrix()  # the perspective last
    torch.testing.assert_close(motion.matrix(), expected, rtol=0, atol=1e-6)


def test_landmarks_give_the_motion_from_the_template():
    known = GeometricTransform(shift=(0.1, -0.05), rotate=20, scale=1.2)
    photo = (inverse(known).source_points(2 * FACE - 1) + 1) / 2
    motion, args = read('--align', '--landmarks', *flat(photo), '--template', *flat(FACE))
    torch.testing.assert_close(motion.matrix(), known.matrix(), rtol=0, atol=1e-5)
    assert args.align


def test_what_follows_align_is_its_value_only_if_it_is_auto():
    for words, align in ((['--align', 'results/0'], 'given'), (['--align', 'auto', 'x'], 'auto')):
        parser = argparse.ArgumentParser()
        parser.add_argument('codes', nargs='+')
        add_motion_options(parser)
        args = parser.parse_args(shield_ranges(words))
        assert (args.align, args.codes) == (align, words[-1:])


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        ('--scale 0', 'scale must be above 0'),
        ('--shear 90', 'shear must be between'),
        ('--perspective 0 0 1 1 1 0 0 1', 'four corners in order'),
        ('--align', '--align undoes the motion of the photo, but no motion is given'),
        ('--align auto --rotate 5', '--align auto takes the motion from the face'),
        ('--rotate 5 --and-back', '--and-back belongs to --align'),
        ('--align --landmarks 0 0 1 1', '--landmarks and --template go together'),
        ('--align --template 0 0 1 1', '--landmarks and --template go together'),
        ('--landmarks 0 0 1 1 --template 0 0 1 1', '--landmarks belong to --align'),
        ('--align --flip --landmarks 0 0 1 1 --template 0 0 1 1', 'place of other motions'),
        ('--align --landmarks 0 0 1 --template 0 0 1 1', 'takes pairs X Y, but got 3 numbers'),
        ('--align --landmarks 0 0 1 1 --template 0 0', 'at least 2 points'),
    ],
)
def test_what_makes_no_sense_is_refused(words, message):
    with pytest.raises(ValueError, match=message):
        read(*words.split())
