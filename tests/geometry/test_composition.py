# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
import torch
from mmgen.registry import MODULES

from mmgen_bdinvert.geometry import (
    Composition,
    GeometricTransform,
    MatrixTransform,
    PerspectiveTransform,
    ThinPlateSpline,
    Transform,
    compose,
    inverse,
    validity_mask,
    warp,
)
from mmgen_bdinvert.geometry.base import FAR
from mmgen_bdinvert.geometry.sampling import pixel_centres

CORNERS = [[-1, -1], [1, -1], [1, 1], [-1, 1]]
MOVE = GeometricTransform(shift=(0.1, -0.2), rotate=20, scale=0.8, shear=10)
TILT = PerspectiveTransform(CORNERS, [[-0.9, -1], [1, -0.8], [0.8, 1], [-1, 0.7]])
BEND = ThinPlateSpline([*CORNERS, [0, 0]], [*CORNERS, [0.2, -0.1]])
HORIZON = MatrixTransform([[1, 0, 0], [0, 1, 0], [2, 0, 1]])
AT = pixel_centres(9, 9)


class Swirl(Transform):
    """A flow without a matrix that turns more near the centre, as a user might write one."""

    def flow(self, points, *, aspect=1.0):
        angle = torch.exp(-points.square().sum(-1))
        x, y = points.unbind(-1)
        cos, sin = angle.cos(), angle.sin()
        return torch.stack([cos * x - sin * y, sin * x + cos * y], dim=-1)


def noise(size=16):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, 2, size, size, generator=generator, dtype=torch.float64)


def test_the_first_acts_first():
    right = GeometricTransform(shift=(0.25, 0))
    turn = GeometricTransform(rotate=90)
    x = torch.zeros(1, 1, 8, 8)
    x[0, 0, 3, 3] = 1
    assert torch.equal(warp(x, compose(right, turn)), warp(warp(x, right), turn))
    assert not torch.equal(warp(x, compose(turn, right)), warp(x, compose(right, turn)))


@pytest.mark.parametrize('aspect', [1.0, 1.6])
def test_matrices_compose_to_their_product(aspect):
    both = compose(MOVE, TILT)
    expected = TILT.matrix() @ MOVE.matrix(aspect=aspect)
    torch.testing.assert_close(both.matrix(aspect=aspect), expected)
    stepwise = MOVE.source_points(TILT.source_points(AT, aspect=aspect), aspect=aspect)
    torch.testing.assert_close(both.source_points(AT, aspect=aspect), stepwise)


def test_flows_and_matrices_compose_point_by_point():
    mixed = compose(MOVE, BEND, TILT, Swirl())
    assert mixed.matrix() is None
    points = AT
    for part in (Swirl(), TILT, BEND, MOVE):
        points = part.source_points(points)
    assert torch.equal(mixed.source_points(AT), points)


def test_a_map_is_sampled_once():
    """A motion there and back is the map itself: warping twice would blur, and lose the border."""
    x = noise()
    out = GeometricTransform(shift=(0.9, 0.03), rotate=33)
    for there in (out, BEND, compose(out, BEND)):
        assert (warp(x, compose(there, inverse(there))) - x).abs().max() < 1e-8
    twice = warp(warp(x, out), inverse(out))
    assert (twice - x).abs().max() > 1


def test_what_comes_from_nowhere_stays_so():
    # x' = x / (1 + 2 x) has nothing right of 1/2; the shift brings that strip into the middle.
    left = GeometricTransform(shift=(-0.4, 0))
    both, ramp = compose(HORIZON, left), AT[0, :, 0]
    beyond = ramp + 0.8 > 0.5
    assert both.source_points(AT)[:, beyond].eq(FAR).all()
    assert not validity_mask(both, 9)[..., beyond].any()
    stepwise = HORIZON.source_points(left.source_points(AT))
    bent = compose(Swirl(), HORIZON, left).source_points(AT)
    assert stepwise[:, beyond].eq(FAR).all() and bent[:, beyond].eq(FAR).all()


@pytest.mark.parametrize('transform', [MOVE, TILT, BEND, Swirl(), compose(MOVE, BEND, TILT)])
@pytest.mark.parametrize('aspect', [1.0, 0.7])
def test_the_inverse_undoes(transform, aspect):
    there = transform.source_points(AT, aspect=aspect)
    back = inverse(transform).source_points(there, aspect=aspect)
    torch.testing.assert_close(back, AT, rtol=0, atol=1e-9)
    again = inverse(inverse(transform)).source_points(AT, aspect=aspect)
    assert torch.equal(again, there)


def test_the_inverse_of_a_matrix_has_the_inverse_matrix():
    torch.testing.assert_close(inverse(MOVE).matrix(), torch.linalg.inv(MOVE.matrix()))
    torch.testing.assert_close(inverse(-3 * TILT.matrix()).inverse_matrix(), TILT.matrix())
    mask = validity_mask(inverse(MOVE), (12, 20))
    assert torch.equal(mask, validity_mask(MOVE.inverse_matrix(aspect=20 / 12), (12, 20)))


def test_the_inverse_of_a_perspective_keeps_its_side_of_the_horizon():
    mask = validity_mask(inverse(HORIZON), 9)[0, 0]
    # HORIZON shows x > -1/2 only, at x / (1 + 2 x), which is in view from x = -1/3 on.
    assert torch.equal(mask[4], AT[4, :, 0] > -1 / 3)


def test_identities_are_seen():
    assert compose(GeometricTransform(), MatrixTransform(torch.eye(3))).is_identity
    assert not compose(MOVE, inverse(MOVE), TILT).is_identity
    x = noise()
    assert torch.equal(warp(x, compose(GeometricTransform(), GeometricTransform())), x)


def test_a_composition_is_a_registry_component():
    spline = dict(
        type='ThinPlateSpline', source=[*CORNERS, [0, 0]], destination=[*CORNERS, [0.2, -0.1]]
    )
    move = dict(type='GeometricTransform', rotate=20, shift=[0.1, 0])
    built = MODULES.build(dict(type='Composition', transforms=[move, spline]))
    expected = compose(GeometricTransform(rotate=20, shift=(0.1, 0)), BEND)
    assert torch.equal(built.source_points(AT), expected.source_points(AT))
    assert built.describe() == 'rotate 20, shift 0.1 0, then thin-plate spline of 5 points'


def test_bad_parts_are_refused():
    with pytest.raises(TypeError, match='Transform, or a 3x3 tensor, but got float'):
        compose(MOVE, 3.0)
    with pytest.raises(ValueError, match='at least one transform'):
        Composition([])
    with pytest.raises(NotImplementedError, match='neither a matrix nor a flow'):
        warp(noise(), Transform())
