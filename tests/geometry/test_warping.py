# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Tests of sampling, anti-aliasing and the validity mask."""

import math

import pytest
import torch
import torch.nn.functional as F

from mmgen_bdinvert.geometry import GeometricTransform, validity_mask, warp

TOLERANCE = {
    torch.float64: 1e-12,
    torch.float32: 2e-5,
    torch.float16: 2e-3,
    torch.bfloat16: 2e-2,
}


def noise(*shape, dtype=torch.float64, seed=0):
    """Return reproducible normal noise."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


def smooth(height, width, dtype=torch.float64):
    """Return a (1, 2, height, width) map of low frequency and without symmetry."""
    y = (torch.arange(height, dtype=dtype) + 0.5) / height
    x = (torch.arange(width, dtype=dtype) + 0.5) / width
    first = torch.sin(3 * x + 0.3)[None, :] * torch.cos(2 * y)[:, None]
    return torch.stack([first, x[None, :] - 2 * y[:, None] ** 2])[None]


def assert_close(actual, expected, dtype=torch.float64):
    torch.testing.assert_close(actual, expected, rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize('dtype', TOLERANCE)
@pytest.mark.parametrize('transform', [GeometricTransform(), GeometricTransform(rotate=-720)])
def test_identity_returns_the_same_values(dtype, transform):
    x = noise(2, 3, 5, 7, dtype=dtype)
    result = warp(x, transform, mode='bicubic', padding_mode='zeros')
    assert transform.is_identity
    assert torch.equal(result, x) and result.dtype == dtype
    result.zero_()  # a copy: writing into it leaves the input alone
    assert not x.eq(0).all()


@pytest.mark.parametrize('dtype', TOLERANCE)
@pytest.mark.parametrize('mode', ['bilinear', 'bicubic'])
def test_integer_shifts_are_exact(dtype, mode):
    x = noise(1, 3, 12, 15, dtype=dtype)
    moved = warp(x, GeometricTransform(shift=(-4 / 15, 3 / 12)), mode=mode)
    assert moved.dtype == dtype
    assert_close(moved[..., 3:, :-4], x[..., :-3, 4:], dtype)


def test_half_a_pixel_is_the_mean_of_neighbours():
    x = noise(1, 1, 6, 8)
    moved = warp(x, GeometricTransform(shift=(0.5 / 8, 0)))
    assert_close(moved[..., 1:], (x[..., 1:] + x[..., :-1]) / 2)


def test_padding_modes():
    x = noise(1, 1, 3, 8)
    transform = GeometricTransform(shift=(2 / 8, 0))
    left = {
        'border': [0, 0],
        'reflection': [1, 0],
    }
    for padding_mode, columns in left.items():
        moved = warp(x, transform, padding_mode=padding_mode)
        assert_close(moved, torch.cat([x[..., columns], x[..., :-2]], dim=-1))
    moved = warp(x, transform, padding_mode='zeros')
    assert_close(moved, F.pad(x[..., :-2], (2, 0)))
    assert torch.equal(warp(x, transform), warp(x, transform, padding_mode='border'))


@pytest.mark.parametrize('size', [(64, 64), (48, 80)])
@pytest.mark.parametrize(
    'transform',
    [
        GeometricTransform(shift=(0.13, -0.2)),
        GeometricTransform(rotate=33),
        GeometricTransform(scale=1.6),
        GeometricTransform(scale=0.6),
        GeometricTransform(shift=(0.1, 0.05), rotate=-25, scale=0.8, flip=True),
    ],
)
def test_inverse_after_forward_is_the_identity_inside_the_mask(size, transform):
    x = smooth(*size)
    inverse = transform.inverse_matrix(aspect=size[1] / size[0])
    back = warp(warp(x, transform), inverse)
    # A pixel survives if the forward map keeps it in view; 3 pixels of margin for the borders.
    seen = validity_mask(inverse, size)
    safe = 1 - F.max_pool2d(F.pad(1 - seen.double(), (3, 3, 3, 3), value=1.0), 7, stride=1)
    assert safe.mean() > 0.2
    error = ((back - x).abs() * safe).max()
    assert error < 4e-3, 'two bilinear samplings of a smooth map of amplitude 2'
    assert (warp(x, transform) - x).abs().max() > 0.1


def test_rotation_of_a_non_square_map_does_not_shear():
    x = noise(1, 2, 4, 10)
    turned = warp(x, GeometricTransform(rotate=90))
    expected = torch.rot90(x[..., 3:7], dims=(2, 3))
    assert_close(turned[..., 3:7], expected)
    # The shift stays a fraction of each side.
    moved = warp(x, GeometricTransform(shift=(0.5, 0.25), rotate=90))
    assert_close(moved[..., 1:, 8:10], expected[..., :-1, :2])


def test_a_perspective_matrix_divides_by_the_weight():
    matrix = torch.tensor([[1, 0.1, 0], [0, 0.9, 0.1], [0.2, -0.1, 1.0]], dtype=torch.float64)
    size, inverse = 16, torch.linalg.inv(matrix)
    ramp = (2 * torch.arange(size, dtype=torch.float64) + 1) / size - 1
    x = torch.stack([ramp.expand(size, size), ramp[:, None].expand(size, size)])[None]
    moved, mask = warp(x, matrix), validity_mask(matrix, size)[0, 0]
    checked = 0
    for row in range(size):
        for column in range(size):
            # Bilinear sampling of a coordinate ramp returns the coordinate it sampled at.
            source = inverse @ torch.stack([ramp[column], ramp[row], torch.tensor(1.0).double()])
            point = source[:2] / source[2]
            assert mask[row, column] == (point.abs() <= 1 + 1e-9).all()
            if (point.abs() < ramp[-1] - 0.15).all():
                assert_close(moved[0, :, row, column], point)
                checked += 1
    assert checked > 80
    # The same projective map, whatever the factor of its matrix.
    assert_close(warp(x, -3 * matrix), moved)


def test_no_pixel_beyond_the_horizon_is_valid():
    matrix = torch.tensor([[1, 0, 0], [0, 1, 0], [2.0, 0, 1]], dtype=torch.float64)
    # x' = x / (1 + 2x), seen from x > -1/2 only: all of it lies left of x' = 1/2.
    mask = validity_mask(matrix, 32)[0, 0]
    ramp = (2 * torch.arange(32) + 1) / 32 - 1
    assert not mask[:, ramp > 1 / 3].any() and mask[15, ramp < 1 / 3].any()
    moved = warp(torch.ones(1, 1, 32, 32), matrix, padding_mode='zeros')
    assert torch.isfinite(moved).all() and moved[..., ramp > 0.5].eq(0).all()


def test_an_empty_batch_stays_empty():
    assert warp(torch.zeros(0, 3, 8, 8), GeometricTransform(rotate=5)).shape == (0, 3, 8, 8)


# Anti-aliasing -------------------------------------------------------------------------------


def checkerboard(size):
    """Return a (1, 1, size, size) map that alternates between -1 and 1 at every pixel."""
    index = torch.arange(size)
    return (1 - 2 * ((index[:, None] + index) % 2)).double()[None, None]


@pytest.mark.parametrize('scale', [0.5, 0.4, 0.25])
@pytest.mark.parametrize('rotate', [0, 17, 45])
def test_shrinking_a_fine_checkerboard_gives_grey(scale, rotate):
    shift = (0.013, 0.021)
    # The mask of a smaller copy leaves the borders out.
    inside = validity_mask(GeometricTransform(shift, rotate, 0.8 * scale), 64)
    shrunk = warp(checkerboard(64), GeometricTransform(shift, rotate, scale))[inside]
    # One sample per pixel would leave values up to 0.99 and a deviation of 0.33 when rotated.
    assert shrunk.numel() > 100 and shrunk.abs().max() < 0.3 and shrunk.std() < 0.12
    # A rotation alone keeps the pattern.
    assert warp(checkerboard(64), GeometricTransform(rotate=rotate)).abs().max() > 0.9


def test_shrinking_by_two_is_the_mean_of_blocks():
    x = noise(1, 2, 16, 16)
    shrunk = warp(x, GeometricTransform(scale=0.5))
    assert_close(shrunk[..., 4:12, 4:12], F.avg_pool2d(x, 2))


def test_shrinking_one_axis_does_not_blur_the_other():
    x = noise(1, 1, 16, 1).expand(1, 1, 16, 16)
    matrix = torch.diag(torch.tensor([0.4, 1.0, 1.0], dtype=torch.float64))
    assert_close(warp(x, matrix), x)
    across = warp(checkerboard(32)[..., :1, :].expand(1, 1, 32, 32), matrix)
    assert across[..., 11:21].abs().max() < 0.25


def test_anti_aliasing_sets_in_without_a_jump():
    x = noise(1, 1, 16, 16)
    for scale, bound in ((1 - 1e-3, 0.1), (1 - 1e-5, 1e-2), (1 - 1e-7, 1e-3)):
        assert (warp(x, GeometricTransform(scale=scale)) - x).abs().max() < bound


# Validity mask -------------------------------------------------------------------------------


def valid_by_hand(transform, row, column, height, width):
    """Undo the transform for one pixel, in pixels from the centre with y up."""
    dx, dy = transform.shift
    x = column + 0.5 - width / 2 - dx * width
    y = -(row + 0.5 - height / 2 - dy * height)
    angle = math.radians(transform.rotate)
    source = complex(x, y) / complex(math.cos(angle), math.sin(angle)) / transform.scale
    # Mirroring does not change whether a point lies inside.
    return abs(source.real) <= width / 2 + 1e-6 and abs(source.imag) <= height / 2 + 1e-6


@pytest.mark.parametrize('size', [11, (9, 14)])
@pytest.mark.parametrize(
    'transform',
    [
        GeometricTransform(),
        GeometricTransform(shift=(0.3, -0.2)),
        GeometricTransform(rotate=35),
        GeometricTransform(rotate=90),
        GeometricTransform(scale=0.5),
        GeometricTransform(scale=2),
        GeometricTransform(shift=(-0.2, 0.4), rotate=100, scale=0.7, flip=True),
    ],
)
def test_mask_against_a_direct_definition(size, transform):
    height, width = (size, size) if isinstance(size, int) else size
    expected = torch.tensor(
        [
            [valid_by_hand(transform, row, column, height, width) for column in range(width)]
            for row in range(height)
        ]
    )
    mask = validity_mask(transform, size)
    assert mask.dtype == torch.bool and mask.shape == (1, 1, height, width)
    assert torch.equal(mask[0, 0], expected)


def test_invalid_pixels_are_zero_with_zeros_padding():
    transform = GeometricTransform(shift=(0.3, 0.1), rotate=20)
    moved = warp(torch.ones(1, 1, 32, 32), transform, padding_mode='zeros')
    mask = validity_mask(transform, 32)
    # Bilinear sampling halves the value at the very edge of the source.
    assert moved[mask].min() > 0.24 and moved[~mask].max() < 0.51
    assert 0.3 < mask.double().mean() < 0.9


# Gradients -----------------------------------------------------------------------------------


@pytest.mark.parametrize('mode', ['bilinear', 'bicubic'])
@pytest.mark.parametrize('padding_mode', ['border', 'reflection', 'zeros'])
def test_gradients_reach_the_map(mode, padding_mode):
    x = noise(1, 2, 5, 6).requires_grad_()
    transform = GeometricTransform(shift=(0.11, 0.07), rotate=20, scale=0.6, flip=True)
    options = {'mode': mode, 'padding_mode': padding_mode}
    assert torch.autograd.gradcheck(lambda value: warp(value, transform, **options), x)
    assert torch.autograd.gradcheck(lambda value: warp(value, GeometricTransform(), **options), x)


def test_gradients_reach_the_matrix():
    x = smooth(6, 6)
    matrix = GeometricTransform(shift=(0.11, 0.07), rotate=20, scale=1.7).matrix()
    matrix.requires_grad_()
    assert torch.autograd.gradcheck(lambda value: warp(x, value), matrix)
    identity = torch.eye(3, requires_grad=True)
    warp(x, identity)[..., 2:4, 2:4].sum().backward()
    assert identity.grad[0, 2].abs() > 0.1


# Bad input -----------------------------------------------------------------------------------


def test_bad_maps_are_refused():
    transform = GeometricTransform(rotate=5)
    with pytest.raises(TypeError, match='floating tensors can be warped, but got torch.uint8'):
        warp(torch.zeros(1, 3, 4, 4, dtype=torch.uint8), transform)
    with pytest.raises(TypeError, match='floating tensors can be warped, but got list'):
        warp([0.0], transform)
    for shape in ((3, 4, 4), (1, 3, 0, 4)):
        with pytest.raises(ValueError, match=r'of shape \(n, C, H, W\), but got'):
            warp(torch.zeros(shape), transform)


def test_bad_options_are_refused():
    x, transform = torch.zeros(1, 1, 4, 4), GeometricTransform()
    with pytest.raises(ValueError, match="padding_mode must be one of .* but got 'wrap'"):
        warp(x, transform, padding_mode='wrap')
    with pytest.raises(ValueError, match="mode must be one of .* but got 'nearest'"):
        warp(x, transform, mode='nearest')
    for size in (0, 4.0, (4,), (4, -1), True, '44'):
        with pytest.raises(ValueError, match='size must be one or two positive integers'):
            validity_mask(transform, size)


def test_bad_matrices_are_refused():
    x = torch.zeros(1, 1, 4, 4)
    with pytest.raises(TypeError, match='Transform, or a 3x3 tensor, but got dict'):
        warp(x, {'rotate': 5})
    with pytest.raises(ValueError, match=r'shape \(3, 3\), but got shape \(2, 3\)'):
        warp(x, torch.zeros(2, 3))
    for values in ([1, 1, 0], [1, 1, math.nan]):
        with pytest.raises(ValueError, match='must be finite, its last entry not 0'):
            validity_mask(torch.diag(torch.tensor(values)), 4)
    with pytest.raises(ValueError, match='must be invertible'):
        warp(x, torch.diag(torch.tensor([1.0, 0.0, 1.0])))
    with pytest.raises(ValueError, match='must be invertible'):
        warp(x, GeometricTransform(scale=1e-30))
