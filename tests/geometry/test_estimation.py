# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
import torch
from scipy.optimize import least_squares

from mmgen_bdinvert.geometry import (
    GeometricTransform,
    estimate_similarity,
    inverse,
    normalise_points,
)

EYES_AND_MOUTH = [[-0.3, -0.1], [0.3, -0.1], [-0.2, 0.4], [0.2, 0.4], [0.0, 0.1]]


def moved(transform, points, aspect=1.0):
    return inverse(transform).source_points(torch.tensor(points), aspect=aspect)


@pytest.mark.parametrize('count', [2, 3, 5])
@pytest.mark.parametrize('aspect', [1.0, 1.5])
@pytest.mark.parametrize('rotate', [0.0, 33.0, -170.0])
def test_a_similarity_is_found_again(count, aspect, rotate):
    known = GeometricTransform(shift=(0.1, -0.25), rotate=rotate, scale=0.7)
    landmarks = EYES_AND_MOUTH[:count]
    found = estimate_similarity(landmarks, moved(known, landmarks, aspect), aspect=aspect)
    assert found.shift == pytest.approx(known.shift, abs=1e-6)
    assert found.rotate == pytest.approx(rotate, abs=1e-4)
    assert found.scale == pytest.approx(0.7, abs=1e-6)


def test_noisy_landmarks_are_met_in_the_least_squares():
    generator = torch.Generator().manual_seed(0)
    known = GeometricTransform(shift=(0.1, 0.2), rotate=-25, scale=1.3)
    target = moved(known, EYES_AND_MOUTH)
    target = target + 0.05 * torch.randn(target.shape, generator=generator)

    def residual(values):
        dx, dy, rotate, scale = values
        transform = GeometricTransform((dx, dy), rotate, scale)
        return (moved(transform, EYES_AND_MOUTH) - target).flatten().numpy()

    best = least_squares(residual, [0, 0, 0, 1]).x
    found = estimate_similarity(EYES_AND_MOUTH, target)
    assert [*found.shift, found.rotate, found.scale] == pytest.approx(best.tolist(), abs=1e-4)


def test_pixels_are_counted_from_the_centre_of_the_first():
    points = normalise_points([[0, 0], [7, 3], [3.5, 1.5], [-0.5, -0.5]], (4, 8))
    expected = [[-7 / 8, -3 / 4], [7 / 8, 3 / 4], [0, 0], [-1, -1]]
    torch.testing.assert_close(points, torch.tensor(expected, dtype=torch.float64))
    assert torch.equal(normalise_points([[1, 2]], 4), normalise_points([[1, 2]], (4, 4)))


@pytest.mark.parametrize(
    ('source', 'destination', 'message'),
    [
        ([[0, 0]], [[0, 0]], r'source points must be at least 2 points'),
        ([[0, 0], [1, 0]], [[0, 0]], 'destination points must be at least 2'),
        ([[0, 0], [0, 0]], [[0, 0], [1, 0]], 'two or more that differ on both sides'),
        ([[0, 0], [1, 0]], [[1, 1], [1, 1]], 'two or more that differ on both sides'),
    ],
)
def test_bad_landmarks_are_refused(source, destination, message):
    with pytest.raises(ValueError, match=message):
        estimate_similarity(source, destination)
