# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Thin-plate splines against SciPy, and their numerical inverse by round trips."""

import numpy as np
import pytest
import torch
from mmgen.registry import MODULES
from scipy import ndimage
from scipy.interpolate import RBFInterpolator

from mmgen_bdinvert.geometry import GeometricTransform, ThinPlateSpline, compose, inverse, warp
from mmgen_bdinvert.geometry.sampling import pixel_centres

CORNERS = [[-1, -1], [1, -1], [1, 1], [-1, 1]]
SOURCE = [*CORNERS, [0, 0], [0.3, 0.2], [-0.4, 0.3]]
DESTINATION = [*CORNERS, [0.25, 0.1], [0.5, 0.3], [-0.3, 0.1]]
FOLDED = [*CORNERS, [0.3, 0.0], [0.0, 0.2], [-0.3, 0.1]]


def points(count=200, extent=1.0):
    generator = torch.Generator().manual_seed(0)
    return extent * (2 * torch.rand(count, 2, generator=generator, dtype=torch.float64) - 1)


@pytest.mark.parametrize('regularisation', [0.0, 0.3])
def test_the_flow_is_that_of_scipy(regularisation):
    spline = ThinPlateSpline(SOURCE, DESTINATION, regularisation=regularisation)
    reference = RBFInterpolator(
        np.array(DESTINATION), np.array(SOURCE), smoothing=regularisation
    )  # its default kernel is r² log r
    expected = reference(points(extent=2).numpy())
    np.testing.assert_allclose(spline.source_points(points(extent=2)), expected, atol=1e-10)


def test_points_go_where_they_are_told():
    source = ThinPlateSpline(SOURCE, DESTINATION).source_points(torch.tensor(DESTINATION))
    torch.testing.assert_close(source, torch.tensor(SOURCE).double(), rtol=0, atol=1e-7)


def test_points_of_an_affine_motion_give_it_everywhere():
    move = GeometricTransform(shift=(0.1, -0.2), rotate=20, scale=0.8, shear=15, flip=True)
    source = points(7)
    destination = inverse(move).source_points(source)
    spline = ThinPlateSpline(source, destination)
    at = points(extent=3)
    torch.testing.assert_close(spline.source_points(at), move.source_points(at))
    assert spline.matrix() is None and not spline.is_identity


def test_strong_regularisation_leaves_the_best_affine_map():
    at, eye = torch.tensor(DESTINATION, dtype=torch.float64), torch.tensor(SOURCE).double()
    design = torch.cat([at, torch.ones(len(at), 1)], 1)
    expected = design @ torch.linalg.lstsq(design, eye).solution
    spline = ThinPlateSpline(SOURCE, DESTINATION, regularisation=1e9)
    torch.testing.assert_close(spline.source_points(at), expected, rtol=0, atol=1e-6)


def test_a_warped_map_is_that_of_scipy():
    size = 20
    x = points(size * size // 2).view(1, 1, size, size)
    spline = ThinPlateSpline(SOURCE, DESTINATION)
    # Enlarged three times, no pixel spans more than one of the source: nothing to anti-alias.
    moved = warp(x, compose(spline, GeometricTransform(scale=3)))
    reference = RBFInterpolator(np.array(DESTINATION), np.array(SOURCE))
    source = reference((pixel_centres(size, size) / 3).view(-1, 2).numpy())
    at = ((source[:, ::-1] + 1) * size - 1) / 2  # (row, column) in pixels
    expected = ndimage.map_coordinates(x[0, 0].numpy(), at.T, order=1, mode='nearest')
    np.testing.assert_allclose(moved.view(-1), expected, rtol=0, atol=1e-9)


def test_the_inverse_goes_back_to_rounding():
    spline = ThinPlateSpline(SOURCE, DESTINATION)
    back = inverse(spline)
    for at in (points(), points(extent=1.5)):
        torch.testing.assert_close(spline.source_points(back.source_points(at)), at)
        torch.testing.assert_close(back.source_points(spline.source_points(at)), at)
    assert inverse(back) is spline
    assert back.describe() == 'undone: thin-plate spline of 7 points'


def test_a_mirroring_spline_has_an_inverse():
    mirrored = [[-x, y] for x, y in DESTINATION]
    spline = ThinPlateSpline(SOURCE, mirrored)
    at = points()
    torch.testing.assert_close(spline.source_points(inverse(spline).source_points(at)), at)


def test_a_fold_warps_but_is_not_undone():
    spline = ThinPlateSpline(SOURCE, FOLDED)
    x = torch.rand(1, 1, 8, 8)
    assert torch.isfinite(warp(x, spline)).all()
    with pytest.raises(ValueError, match=r'of 7 points\) cannot be undone: it folds .* near \(-?0'):
        warp(x, inverse(spline))
    smoothed = ThinPlateSpline(SOURCE, FOLDED, regularisation=10)
    at = points()
    torch.testing.assert_close(smoothed.source_points(inverse(smoothed).source_points(at)), at)


def test_gradients_reach_the_points_both_ways():
    source = torch.tensor(SOURCE, dtype=torch.float64, requires_grad=True)
    destination = torch.tensor(DESTINATION, dtype=torch.float64, requires_grad=True)
    at = points(5).requires_grad_()

    def forward(a, b, p):
        return ThinPlateSpline(a, b, regularisation=0.1).source_points(p)

    def backward(a, b, p):
        return inverse(ThinPlateSpline(a, b, regularisation=0.1)).source_points(p)

    assert torch.autograd.gradcheck(forward, (source, destination, at))
    # The solution is right to 1e-9 only, which the differences divide by 1e-6.
    inputs = (source, destination, at)
    assert torch.autograd.gradcheck(backward, inputs, atol=1e-4, fast_mode=True)

    def moved(m, a):  # enlarged, since the width of anti-aliasing counts as a constant
        return warp(m, compose(ThinPlateSpline(a, DESTINATION), GeometricTransform(scale=3)))

    x = torch.sin(3 * pixel_centres(4, 4).sum(-1))[None, None].requires_grad_()
    assert torch.autograd.gradcheck(moved, (x, source))


def test_it_is_a_registry_component():
    config = dict(type='ThinPlateSpline', source=SOURCE, destination=DESTINATION)
    built = MODULES.build(dict(**config, regularisation=0.2))
    expected = ThinPlateSpline(SOURCE, DESTINATION, 0.2).source_points(points())
    assert torch.equal(built.source_points(points()), expected)


@pytest.mark.parametrize(
    ('source', 'destination', 'options', 'message'),
    [
        (SOURCE[:2], DESTINATION[:2], {}, 'source points must be at least 3 points'),
        (SOURCE[:3], DESTINATION[:4], {}, 'every source point needs its destination'),
        ([[0, 0], [1, 1], [2, 2]], CORNERS[:3], {}, 'source points must not all lie on a line'),
        (CORNERS[:3], [[0, 0], [1, 1], [2, 2]], {}, 'destination points must not all lie on a'),
        (CORNERS, [*CORNERS[:3], [1, 1]], {}, 'destination points must differ, but two of'),
        ([*CORNERS[:3], [1, 1]], CORNERS, {}, 'source points must differ'),
        (SOURCE, DESTINATION, {'regularisation': -1}, 'must be 0 or more, but got -1'),
        (SOURCE, DESTINATION, {'regularisation': float('nan')}, 'must be 0 or more, but got nan'),
    ],
)
def test_bad_pairs_are_refused(source, destination, options, message):
    with pytest.raises(ValueError, match=message):
        ThinPlateSpline(source, destination, **options)
