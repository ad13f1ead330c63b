# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
import torch

from mmgen_bdinvert.geometry import (
    GeometricTransform,
    MatrixTransform,
    PerspectiveTransform,
    compose,
    inverse,
    part_of,
)

CORNERS = torch.tensor([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])
BENT = torch.tensor([[-0.8, -1], [0.9, -0.7], [1, 1], [-1, 0.8]])
MOVE = GeometricTransform((0.3, -0.1), 300, 0.25, shear=20)
PERSPECTIVE = PerspectiveTransform(CORNERS, BENT)
MOTIONS = [
    MOVE,
    PERSPECTIVE,
    compose(MOVE, PERSPECTIVE),
    inverse(MOVE),
    inverse(compose(MOVE, PERSPECTIVE)),
]


@pytest.mark.parametrize('motion', MOTIONS, ids=lambda m: m.describe()[:20])
def test_from_no_motion_to_the_whole(motion):
    eye = torch.eye(3, dtype=torch.float64)
    torch.testing.assert_close(part_of(motion, 0).matrix(), eye)
    torch.testing.assert_close(part_of(motion, 1).matrix(), motion.matrix())


def test_half_way():
    # 150 degrees, not the 30 backwards that a root of the matrix would give
    assert part_of(MOVE, 0.5) == GeometricTransform((0.15, -0.05), 150, 0.5, shear=10)


def test_the_corners_of_a_perspective_go_straight():
    matrix = part_of(PERSPECTIVE, 0.25).matrix()
    points = torch.cat([CORNERS, torch.ones(4, 1)], 1).double() @ matrix.T
    expected = (0.75 * CORNERS + 0.25 * BENT).double()
    torch.testing.assert_close(points[:, :2] / points[:, 2:], expected)


@pytest.mark.parametrize(
    'motion, what',
    [
        (GeometricTransform(flip=True), 'a flip'),
        (compose(MOVE, GeometricTransform(flip=True)), 'a flip'),
        (MatrixTransform(torch.eye(3)), 'MatrixTransform'),
    ],
)
def test_what_has_nothing_in_between_is_refused(motion, what):
    with pytest.raises(ValueError, match=f'got {what}, which has nothing in between'):
        part_of(motion, 0.5)
