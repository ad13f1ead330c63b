# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Tests of the geometry convention, of the transform's parameters and of T against T'."""

import json
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmgen.registry import MODULES

from mmgen_bdinvert.geometry import GeometricTransform, transform_base, transform_image, warp

# Sampling points are rounded to the dtype of the map; half precision rounds the result as well.
TRANSFORM = GeometricTransform(shift=(0.1, -0.2), rotate=37.5, scale=0.7, flip=True)


def noise(*shape):
    """Return reproducible normal noise."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def dot(row, column, size=9):
    """Return a (1, 1, size, size) map that is 1 at one pixel and 0 elsewhere."""
    x = torch.zeros(1, 1, size, size, dtype=torch.float64)
    x[0, 0, row, column] = 1
    return x


def move_point(transform, x, y):
    """Move one normalised point step by step, in the order and signs of the convention."""
    if transform.flip:
        x = -x
    x, y = x * transform.scale, y * transform.scale
    x -= y * math.tan(math.radians(transform.shear))
    angle = math.radians(transform.rotate)
    # y points down, so the mathematical (counter-clockwise) turn applies to (x, -y).
    turned = complex(x, -y) * complex(math.cos(angle), math.sin(angle))
    return turned.real + 2 * transform.shift[0], -turned.imag + 2 * transform.shift[1]


def assert_close(actual, expected):
    """Compare float64 tensors; sampling points and matrices are right to rounding."""
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12)


# Convention ----------------------------------------------------------------------------------


def test_convention_shift_right_is_positive_x():
    assert_close(warp(dot(4, 4), GeometricTransform(shift=(2 / 9, 0))), dot(4, 6))


def test_convention_shift_down_is_positive_y():
    assert_close(warp(dot(4, 4), GeometricTransform(shift=(0, 3 / 9))), dot(7, 4))


def test_convention_rotate_counter_clockwise_is_positive():
    right_to_top = warp(dot(4, 8), GeometricTransform(rotate=90))
    assert_close(right_to_top, dot(0, 4))
    x = noise(2, 3, 8, 8)
    for turns in range(-2, 5):
        # rot90 from (rows, columns) = dims (2, 3) turns counter-clockwise as seen.
        expected = torch.rot90(x, turns, dims=(2, 3))
        assert_close(warp(x, GeometricTransform(rotate=90 * turns)), expected)
    matrix = torch.tensor([[0, 1, 0], [-1, 0, 0], [0, 0, 1]], dtype=torch.float64)
    assert torch.equal(GeometricTransform(rotate=-270).matrix(), matrix)


def test_convention_rotate_by_a_small_angle():
    moved = warp(dot(10, 18, size=21), GeometricTransform(rotate=30))[0, 0]
    index = torch.arange(21, dtype=torch.float64) - 10
    row = (moved.sum(1) * index).sum() / moved.sum()
    column = (moved.sum(0) * index).sum() / moved.sum()
    # The centre of mass of a single turned pixel is right to a fraction of a pixel only.
    assert math.degrees(math.atan2(-row, column)) == pytest.approx(30, abs=2)
    assert math.hypot(row, column) == pytest.approx(8, abs=0.2)


def test_convention_scale_above_one_enlarges_about_the_centre():
    x = noise(1, 2, 6, 6)
    enlarged = warp(x, GeometricTransform(scale=3))
    # Destination pixels 1, 4 (of each 3) lie on the source centres 2, 3 around the middle.
    assert_close(enlarged[..., 1::3, 1::3], x[..., 2:4, 2:4])
    shrunk = warp(torch.ones_like(x), GeometricTransform(scale=1 / 3), padding_mode='zeros')
    assert_close(shrunk, F.pad(torch.ones_like(x[..., 2:4, 2:4]), (2, 2, 2, 2)))


def test_convention_shear_leans_the_top_to_the_right():
    leaning = GeometricTransform(shear=45)
    # One pixel right for each pixel up, whatever the shape of the map; the middle line stays.
    for aspect in (1.0, 2.0):
        up = torch.tensor([[0.3, 0.0], [0.3, -0.5], [0.3, 0.5]], dtype=torch.float64)
        lean = torch.tensor([[0, 0], [0.5 / aspect, 0], [-0.5 / aspect, 0]], dtype=torch.float64)
        assert_close(leaning.source_points(up + lean, aspect=aspect), up)
    line = dot(4, 4).sum(2, keepdim=True).expand(1, 1, 9, 9)  # upright, in the middle
    heaviest = warp(line, leaning)[0, 0].argmax(1)
    assert heaviest.tolist() == [8, 7, 6, 5, 4, 3, 2, 1, 0]


def test_convention_flip_mirrors_left_right():
    x = noise(1, 2, 5, 6)
    assert_close(warp(x, GeometricTransform(flip=True)), x.flip(-1))


def test_convention_order_is_flip_scale_shear_rotate_shift():
    transform = GeometricTransform((0.25, -0.125), rotate=90, scale=2, flip=True, shear=45)
    parts = (
        GeometricTransform(flip=True),
        GeometricTransform(scale=2),
        GeometricTransform(shear=45),
        GeometricTransform(rotate=90),
        GeometricTransform(shift=(0.25, -0.125)),
    )
    composed = torch.eye(3, dtype=torch.float64)
    for part in parts:
        composed = part.matrix() @ composed
    assert_close(transform.matrix(), composed)
    # By hand: flip (-.5, .5), enlarge (-1, 1), lean (-2, 1), turn (1, 2), shift (1.5, 1.75).
    start = torch.tensor([0.5, 0.5, 1.0], dtype=torch.float64)
    expected = torch.tensor([1.5, 1.75, 1.0], dtype=torch.float64)
    assert_close(transform.matrix() @ start, expected)
    x = noise(1, 1, 16, 16)
    one_by_one = x
    for part in (parts[0], parts[3], parts[4]):
        one_by_one = warp(one_by_one, part)
    at_once = GeometricTransform(shift=(0.25, -0.125), rotate=90, flip=True)
    assert_close(warp(x, at_once), one_by_one)


@pytest.mark.parametrize(
    'values',
    [{'rotate': 37.0}, {'scale': 0.7, 'rotate': -120, 'flip': True}, {'shear': 20, 'rotate': 5}],
)
def test_matrix_moves_points_as_the_convention_says(values):
    transform = GeometricTransform(shift=(0.1, -0.2), **values)
    for x, y in [(0, 0), (1, 0), (0, 1), (-0.3, 0.8)]:
        point = torch.tensor([x, y, 1.0], dtype=torch.float64)
        expected = torch.tensor([*move_point(transform, x, y), 1.0], dtype=torch.float64)
        assert_close(transform.matrix() @ point, expected)
        assert_close(transform.inverse_matrix() @ expected, point)


# T and T' ------------------------------------------------------------------------------------


def test_one_base_cell_is_resolution_over_base_size_pixels():
    images, cell = noise(2, 3, 32, 32), 32 // 8
    transform = GeometricTransform(shift=(1 / 8, -2 / 8))
    moved = transform_image(images, transform)
    # 1 cell to the right and 2 cells up: 4 and 8 pixels.
    assert_close(moved[..., : -2 * cell, cell:], images[..., 2 * cell :, :-cell])
    first = F.avg_pool2d(moved, cell)
    second = transform_base(F.avg_pool2d(images, cell), transform)
    assert_close(first[..., :-2, 1:], second[..., :-2, 1:])


def test_rotation_and_flip_agree_across_sizes():
    images = noise(1, 3, 32, 32)
    transform = GeometricTransform(rotate=-90, flip=True)
    first = F.avg_pool2d(transform_image(images, transform), 4)
    assert_close(first, transform_base(F.avg_pool2d(images, 4), transform))


def test_the_two_named_forms_are_one_function():
    x = noise(2, 3, 12, 12)
    transform = GeometricTransform(shift=(0.1, 0.2), rotate=10, scale=0.8, flip=True)
    for options in ({'mode': 'bilinear'}, {'padding_mode': 'zeros', 'mode': 'bicubic'}):
        expected = warp(x, transform, **options)
        assert torch.equal(transform_image(x, transform, **options), expected)
        assert torch.equal(transform_base(x, transform, **options), expected)
    assert torch.equal(transform_image(x, transform), warp(x, transform, mode='bilinear'))
    assert torch.equal(transform_base(x, transform), warp(x, transform, mode='bicubic'))


def test_the_named_forms_refuse_other_shapes():
    with pytest.raises(ValueError, match=r'\(n, 3, H, W\), but got shape \(1, 8, 8, 3\)'):
        transform_image(torch.zeros(1, 8, 8, 3), TRANSFORM)
    with pytest.raises(ValueError, match=r'\(n, C, s, s\), but got shape \(1, 4, 8, 6\)'):
        transform_base(torch.zeros(1, 4, 8, 6), TRANSFORM)
    with pytest.raises(ValueError, match=r'\(n, C, s, s\), but got shape \(1, 8, 32\)'):
        transform_base(torch.zeros(1, 8, 32), TRANSFORM)  # a detail code
    with pytest.raises(TypeError, match='floating tensors'):
        transform_image(None, TRANSFORM)


# Parameters ----------------------------------------------------------------------------------


def test_is_identity():
    assert GeometricTransform().is_identity
    assert GeometricTransform(rotate=360).is_identity
    moving = ({'shift': (0, 1e-3)}, {'rotate': 180}, {'scale': 1.01}, {'flip': True}, {'shear': 1})
    for values in moving:
        assert not GeometricTransform(**values).is_identity


def test_dict_round_trip_through_json():
    values = json.loads(json.dumps(TRANSFORM.to_dict()))
    assert values == {'shift': [0.1, -0.2], 'rotate': 37.5, 'scale': 0.7, 'flip': True}
    assert GeometricTransform.from_dict(values) == TRANSFORM
    assert GeometricTransform.from_dict({'rotate': 3}) == GeometricTransform(rotate=3.0)
    assert hash(GeometricTransform.from_dict(values)) == hash(TRANSFORM)
    leaning = GeometricTransform(shear=5, rotate=1)
    assert leaning.to_dict()['shear'] == 5
    assert GeometricTransform.from_dict(leaning.to_dict()) == leaning


def test_it_is_a_registry_component():
    assert MODULES.build(dict(type='GeometricTransform', **TRANSFORM.to_dict())) == TRANSFORM


def test_it_is_described_in_its_order():
    described = GeometricTransform((0.1, 0), 10, 0.5, True, shear=3).describe()
    assert described == 'flip, scale 0.5, shear 3, rotate 10, shift 0.1 0'
    assert GeometricTransform().describe() == 'no motion'


def test_numpy_numbers_become_plain_ones():
    transform = GeometricTransform(shift=[np.float32(0.5), 1], scale=np.int64(2))
    assert transform.shift == (0.5, 1.0) and transform.scale == 2.0
    assert all(type(value) is float for value in (*transform.shift, transform.scale))


@pytest.mark.parametrize(
    ('values', 'error', 'message'),
    [
        ({'scale': 0}, ValueError, 'scale must be above 0, but got 0.0'),
        ({'scale': -1.5}, ValueError, 'scale must be above 0, but got -1.5; use flip=True'),
        ({'scale': math.inf}, ValueError, 'scale must be a finite number, but got inf'),
        ({'rotate': math.nan}, ValueError, 'rotate must be a finite number, but got nan'),
        ({'rotate': 10**400}, ValueError, 'rotate must be a finite number, but got 1000'),
        ({'rotate': '45'}, TypeError, "rotate must be a number, but got '45'"),
        ({'rotate': True}, TypeError, 'rotate must be a number, but got True'),
        ({'shift': 0.1}, ValueError, r'shift must be a pair \(dx, dy\) of numbers, but got 0.1'),
        ({'shift': (1, 2, 3)}, ValueError, 'shift must be a pair'),
        ({'shift': (0, -math.inf)}, ValueError, 'shift dy must be a finite number, but got -inf'),
        ({'flip': 1}, TypeError, 'flip must be True or False, but got 1'),
        ({'shear': 90}, ValueError, 'shear must be between -90 and 90 degrees, but got 90.0'),
        ({'shear': '5'}, TypeError, "shear must be a number, but got '5'"),
    ],
)
def test_bad_parameters_are_refused(values, error, message):
    with pytest.raises(error, match=message):
        GeometricTransform(**values)
    with pytest.raises(error, match=message):
        GeometricTransform.from_dict(values)


def test_bad_dicts_and_aspects_are_refused():
    with pytest.raises(ValueError, match=r"has the keys .* but got \['angle'\]"):
        GeometricTransform.from_dict({'angle': 3})
    with pytest.raises(TypeError, match='read from a dict, but got list'):
        GeometricTransform.from_dict([1, 2])
    with pytest.raises(ValueError, match='aspect must be above 0, but got -1'):
        TRANSFORM.matrix(aspect=-1)
