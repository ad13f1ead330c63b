# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Transforms given by a matrix or by corners, against OpenCV and SciPy."""

import cv2
import numpy as np
import pytest
import torch
from mmgen.registry import MODULES
from scipy import ndimage

from mmgen_bdinvert.geometry import MatrixTransform, PerspectiveTransform, validity_mask, warp
from mmgen_bdinvert.geometry.sampling import pixel_centres

CORNERS = [[-1, -1], [1, -1], [1, 1], [-1, 1]]
MOVED = [[-0.7, -0.9], [0.8, -1.1], [1.2, 0.9], [-1.0, 1.3]]


def noise(*shape):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_four_corners_give_the_matrix_of_opencv():
    expected = cv2.getPerspectiveTransform(np.float32(CORNERS), np.float32(MOVED))
    matrix = PerspectiveTransform(CORNERS, MOVED).matrix()
    np.testing.assert_allclose(matrix, expected, rtol=0, atol=1e-6)  # OpenCV takes float32 points


def test_corners_go_where_they_are_told():
    transform = PerspectiveTransform(CORNERS, MOVED)
    source = transform.source_points(torch.tensor(MOVED))
    torch.testing.assert_close(source, torch.tensor(CORNERS).double(), rtol=0, atol=1e-6)


def test_more_pairs_of_one_perspective_give_that_perspective():
    known = PerspectiveTransform(CORNERS, MOVED)
    destination = noise(9, 2).clamp(-0.9, 0.9)
    found = PerspectiveTransform(known.source_points(destination), destination)
    torch.testing.assert_close(found.matrix(), known.matrix(), rtol=0, atol=1e-9)


def test_a_warped_map_is_that_of_scipy():
    # Enlarging, so that nothing has to be anti-aliased.
    size, matrix = 24, PerspectiveTransform(CORNERS, (2 * np.array(MOVED)).tolist()).matrix()
    x = noise(1, 1, size, size)
    inverse = np.linalg.inv(matrix.numpy())

    def source(at):  # (row, column) in pixels to the same
        point = inverse @ [(2 * at[1] + 1) / size - 1, (2 * at[0] + 1) / size - 1, 1]
        column, row = ((point[:2] / point[2] + 1) * size - 1) / 2
        return row, column

    expected = ndimage.geometric_transform(x[0, 0].numpy(), source, order=1, mode='nearest')
    moved = warp(x, MatrixTransform(matrix))
    np.testing.assert_allclose(moved[0, 0], expected, rtol=0, atol=1e-12)
    assert torch.equal(warp(x, matrix), moved)
    assert validity_mask(MatrixTransform(matrix), size).all()


def test_a_matrix_ignores_the_size_of_the_map():
    matrix = [[0.5, 0.1, 0.2], [0, 2, 0], [0, 0, 1]]
    transform = MatrixTransform(matrix)
    assert torch.equal(transform.matrix(aspect=3), torch.tensor(matrix, dtype=torch.float64))
    assert not transform.is_identity and MatrixTransform(torch.eye(3)).is_identity


def test_gradients_reach_matrices_and_corners():
    # Enlarged, since the width of anti-aliasing counts as a constant; and a smooth map, since
    # bilinear samples bend where they pass a pixel.
    centres = pixel_centres(5, 5)
    x = torch.sin(2 * centres.sum(-1) + centres[..., 0])[None, None]
    corners = torch.tensor(CORNERS, dtype=torch.float64, requires_grad=True)
    moved = (2 * torch.tensor(MOVED, dtype=torch.float64)).requires_grad_()

    def points(a, b):
        return PerspectiveTransform(a, b).source_points(centres)

    assert torch.autograd.gradcheck(points, (corners, moved))
    assert torch.autograd.gradcheck(lambda b: warp(x, PerspectiveTransform(CORNERS, b)), moved)
    matrix = PerspectiveTransform(CORNERS, moved).matrix().detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda m: warp(x, MatrixTransform(m)), matrix)


def test_both_are_registry_components():
    built = MODULES.build(dict(type='PerspectiveTransform', source=CORNERS, destination=MOVED))
    given = MODULES.build(dict(type='MatrixTransform', matrix=built.matrix().tolist()))
    torch.testing.assert_close(given.matrix(), PerspectiveTransform(CORNERS, MOVED).matrix())
    assert built.describe() == (
        'perspective (-1, -1) (1, -1) (1, 1) (-1, 1) to '
        '(-0.7, -0.9) (0.8, -1.1) (1.2, 0.9) (-1, 1.3)'
    )
    eye = MatrixTransform(torch.eye(3).tolist())
    assert eye.describe() == 'matrix 1  0  0; 0  1  0; 0  0  1'


@pytest.mark.parametrize(
    ('source', 'destination', 'message'),
    [
        (CORNERS[:3], MOVED[:3], r'at least 4 points \(x, y\), but got shape \(3, 2\)'),
        (CORNERS, MOVED + MOVED[:1], 'every source point needs its destination, but got 4 and 5'),
        (CORNERS, [[0, 0], [1, 1], [2, 2], [0, 1]], 'convex|must be invertible'),
        ([[0, 0], [1, 1], [2, 2], [0, 1]], CORNERS, 'convex shape, no three'),
        (CORNERS, [MOVED[i] for i in (0, 2, 1, 3)], 'convex shape'),
        (CORNERS, [[np.inf, 0]] * 4, 'destination points must be finite'),
        (CORNERS, [[0, 0, 1]] * 4, r'but got shape \(4, 3\)'),
    ],
)
def test_bad_corners_are_refused(source, destination, message):
    with pytest.raises(ValueError, match=message):
        PerspectiveTransform(source, destination)


def test_what_is_no_matrix_or_point_is_refused():
    with pytest.raises(TypeError, match="source points must be points .* but got 'corners'"):
        PerspectiveTransform('corners', MOVED)
    with pytest.raises(TypeError, match="a matrix must be 3x3 numbers, but got 'eye'"):
        MatrixTransform('eye')
    with pytest.raises(TypeError, match='a matrix must be 3x3 numbers, but got'):
        MatrixTransform([[10**400, 0, 0], [0, 1, 0], [0, 0, 1]])
    with pytest.raises(ValueError, match=r'shape \(3, 3\), but got shape \(2, 2\)'):
        MatrixTransform([[1, 0], [0, 1]])
