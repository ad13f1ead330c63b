# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Padding with a map of one's own, such as the mean base code."""

import pytest
import torch
import torch.nn.functional as F

from mmgen_bdinvert.geometry import GeometricTransform, ThinPlateSpline, validity_mask, warp

CORNERS = [[-1, -1], [1, -1], [1, 1], [-1, 1]]
MOVES = [
    GeometricTransform(shift=(0.3, -0.1), rotate=25, scale=0.7),
    GeometricTransform(scale=1.5, rotate=10),
    ThinPlateSpline([*CORNERS, [0, 0]], [[-0.8, -0.7], [0.8, -0.8], [0.7, 0.9], [-1, 0.8], [0, 0]]),
]


def noise(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_whole_cells_take_the_fill_of_their_place():
    x, fill = noise(2, 3, 8, 8), noise(1, 3, 8, 8, seed=1)
    for mode in ('bilinear', 'bicubic'):
        moved = warp(x, GeometricTransform(shift=(2 / 8, -1 / 8)), padding_mode=fill, mode=mode)
        expected = fill.repeat(2, 1, 1, 1)
        expected[..., :-1, 2:] = x[..., 1:, :-2]
        torch.testing.assert_close(moved, expected, rtol=0, atol=1e-12)


def test_the_seam_is_blended_as_the_samples_are():
    x, fill = noise(1, 1, 4, 8), noise(1, 1, 4, 8, seed=1)
    moved = warp(x, GeometricTransform(shift=(0.25 / 8, 0)), padding_mode=fill)
    seam = 0.75 * x[..., 0] + 0.25 * fill[..., 0]
    torch.testing.assert_close(moved[..., 0], seam)
    torch.testing.assert_close(moved[..., 1:], 0.75 * x[..., 1:] + 0.25 * x[..., :-1])


@pytest.mark.parametrize('mode', ['bilinear', 'bicubic'])
@pytest.mark.parametrize('transform', MOVES)
def test_it_is_the_sample_where_it_is_valid_and_the_fill_elsewhere(transform, mode):
    x, fill = noise(1, 2, 24, 24), noise(1, 2, 24, 24, seed=1)
    moved = warp(x, transform, padding_mode=fill, mode=mode)
    valid = validity_mask(transform, 24).double()
    spread = F.max_pool2d(valid, 9, 1, 4).bool()
    inside = F.max_pool2d(F.pad(1 - valid, [4] * 4, value=1.0), 9, 1).eq(0)
    same = warp(x, transform, mode=mode)
    assert inside.any() and (moved - same)[..., inside[0, 0]].abs().max() < 1e-12
    assert (moved - fill)[..., ~spread[0, 0]].abs().sum() == 0
    zeros = warp(x, transform, padding_mode='zeros', mode=mode)
    none = warp(x, transform, padding_mode=torch.zeros_like(fill), mode=mode)
    torch.testing.assert_close(none, zeros)
    # A map filled with its own constant shows no seam at all.
    flat = torch.full_like(x, 3.0)
    torch.testing.assert_close(warp(flat, transform, padding_mode=flat, mode=mode), flat)


def test_each_image_may_have_its_own_fill():
    x, fills = noise(2, 1, 6, 6), noise(2, 1, 6, 6, seed=1)
    both = warp(x, MOVES[0], padding_mode=fills)
    for i in range(2):
        one = warp(x[i : i + 1], MOVES[0], padding_mode=fills[i : i + 1])
        assert torch.equal(both[i : i + 1], one)
    assert warp(x[:0], MOVES[0], padding_mode=fills[:1]).shape == (0, 1, 6, 6)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32])
def test_the_dtype_is_that_of_the_map(dtype):
    x, fill = noise(1, 2, 8, 8), noise(1, 2, 8, 8, seed=1)
    moved = warp(x.to(dtype), MOVES[0], padding_mode=fill)
    assert moved.dtype == dtype
    torch.testing.assert_close(
        moved.double(), warp(x, MOVES[0], padding_mode=fill), rtol=0, atol=3e-2
    )


def test_gradients_reach_map_and_fill():
    x, fill = noise(1, 1, 4, 4).requires_grad_(), noise(1, 1, 4, 4, seed=1).requires_grad_()
    for mode in ('bilinear', 'bicubic'):
        assert torch.autograd.gradcheck(
            lambda a, b, mode=mode: warp(a, MOVES[0], padding_mode=b, mode=mode), (x, fill)
        )


@pytest.mark.parametrize('shape', [(1, 2, 8, 4), (3, 2, 8, 8), (2, 8, 8), (1, 1, 8, 8)])
def test_a_fill_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r'fill must be of shape \(2, 2, 8, 8\) or \(1, 2, 8, 8\)'):
        warp(noise(2, 2, 8, 8), MOVES[0], padding_mode=torch.zeros(shape))
