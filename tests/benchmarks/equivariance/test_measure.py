# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.equivariance.measure import (
    EquivarianceRow,
    interior_mask,
    measure_equivariance,
    receptive_reach,
    without_noise,
)
from mmgen_bdinvert.evaluation import psnr
from mmgen_bdinvert.geometry import (
    GeometricTransform,
    transform_base,
    transform_image,
    validity_mask,
    warp,
)


@pytest.fixture(scope='module')
def generator(make_generator):
    """A 16×16 base code of a 64×64 generator whose noise is strong; one cell is 4 pixels."""
    return make_generator(base_size=16, out_size=64)


@pytest.fixture(scope='module')
def code(generator, sample_w_plus):
    return generator.split(sample_w_plus(generator, count=4))


@pytest.fixture(scope='module')
def shifts(generator):
    """Rows of a shift by one cell and by half a cell, by noise."""
    rows = measure_equivariance(generator, {'shift': (1 / 16, 1 / 32)}, num_samples=4)
    return {(row.noise, row.cells): row for row in rows}


def test_shifts_by_whole_cells_are_exact_away_from_borders_without_noise(shifts):
    row = shifts['off', 1.0]
    assert row.interior_share > 0.2 and row.interior_rmse < 1e-6
    assert row.interior_psnr > 120
    # The causes that keep it from being exact elsewhere: the border, the noise, the interpolation.
    assert row.rmse > 0.01
    assert shifts['fixed', 1.0].interior_rmse > 0.01
    assert shifts['off', 0.5].interior_rmse > 0.01


def test_moved_noise_is_as_good_as_none(generator, code):
    """The noise is the whole of the difference in the interior: moving it along mends it."""
    move = GeometricTransform(shift=(1 / 16, 0))
    inside = interior_mask(move, 64, receptive_reach(generator))[0, 0]
    network = generator.generator
    with torch.no_grad():
        expected = transform_image(generator(code.base, code.detail), move, mode='bicubic')
        moved = transform_base(code.base, move)
        still = generator(moved, code.detail)
        names = [f'injected_noise_{i}' for i in range(network.num_injected_noises)]
        before = {name: getattr(network, name).clone() for name in names}
        for name, noise in before.items():
            if noise.shape[-1] >= 16:
                getattr(network, name).copy_(transform_base(noise, move))
        along = generator(moved, code.detail)
        for name, noise in before.items():
            getattr(network, name).copy_(noise)
    assert (still - expected)[..., inside].abs().max() > 0.01
    assert (along - expected)[..., inside].abs().max() < 1e-5


def test_the_reach_is_that_of_the_receptive_field(generator, code):
    reach = receptive_reach(generator)
    assert 8 < reach < 16
    base, detail = code.base[:1], code.detail[:1]
    first, last = 8 * 4, 8 * 4 + 3  # the pixels of cell 8
    with torch.no_grad():
        before = generator(base, detail)
        for side in (slice(None, 8), slice(9, None)):
            changed = base.clone()
            changed[..., side] += 1
            columns = (generator(changed, detail) - before).abs().amax((0, 1, 2)).nonzero()
            if side.start is None:
                assert 0 < columns.max() - (first - 1) <= reach
            else:
                assert 0 < (last + 1) - columns.min() <= reach


def test_the_interior_by_hand():
    mask = interior_mask(GeometricTransform(shift=(4 / 32, 0)), 32, 5)[0, 0]
    # The source's own border came along: 5 + 4 pixels from the left, 5 from the other sides.
    assert mask[5:27, 9:27].all() and mask.sum() == 22 * 18
    enlarged = interior_mask(GeometricTransform(scale=2), 32, 5)[0, 0]
    assert enlarged[5:27, 5:27].all() and enlarged.sum() == 22 * 22
    shrunk = interior_mask(GeometricTransform(scale=0.5), 32, 5)[0, 0]
    assert shrunk[13:19, 13:19].all() and not shrunk[:12].any()  # valid are 8 to 24
    assert not interior_mask(GeometricTransform(), 32, 32).any()


def test_without_noise_is_a_copy_without_noise(generator, code):
    quiet = without_noise(generator)
    with torch.no_grad():
        image = quiet(code.base, code.detail)
        quiet.generator.injected_noise_6.add_(5)
        assert torch.equal(quiet(code.base, code.detail), image)
        assert (generator(code.base, code.detail) - image).abs().max() > 0.1


def test_the_distance_is_that_of_the_valid_area(generator):
    """Against the definition, for a motion by whole pixels."""
    rows = measure_equivariance(generator, {'shift': (1 / 8,)}, num_samples=4, truncation=1.0)
    rng = torch.Generator().manual_seed(0)
    errors = []
    with torch.no_grad():
        w = generator.mapping(torch.randn(4, generator.style_dim, generator=rng))
        code = generator.split(generator.to_w_plus(w))
        images = generator(code.base, code.detail)
        for i, (dx, dy) in enumerate(((8, 0), (0, 8), (-8, 0), (0, -8))):
            move = GeometricTransform(shift=(dx / 64, dy / 64))
            moved = generator(transform_base(code.base[i : i + 1], move), code.detail[i : i + 1])
            shifted = torch.roll(images[i : i + 1], (dy, dx), (2, 3))
            rows_, columns = (slice(max(d, 0), 64 + min(d, 0)) for d in (dy, dx))
            error = psnr(moved[..., rows_, columns], shifted[..., rows_, columns])
            errors.append(4 / 10 ** (error / 10))  # mean squared error
    assert rows[0].noise == 'fixed'
    assert rows[0].rmse == pytest.approx(torch.cat(errors).mean().sqrt().item(), rel=1e-4)


def test_all_motions_have_their_magnitudes(generator):
    seen = []
    magnitudes = {'rotate': (0.0, 20), 'scale': (1.0, 0.8), 'shear': (0.0, 15)}
    rows = measure_equivariance(
        generator, magnitudes, num_samples=4, progress=lambda: seen.append(1)
    )
    assert len(rows) == len(seen) == 12
    assert {row.base_size for row in rows} == {16} and {row.cells for row in rows} == {None}
    for still, moving in zip(rows[::2], rows[1::2]):
        assert still.rmse < 1e-6 and still.psnr > 120 and moving.psnr < 40
        assert still.motion == moving.motion and math.isnan(still.perceptual)


def test_the_perceptual_distance_sees_what_is_valid_alone(generator):
    class Judge(nn.Module):
        def prepare(self, reference):
            return reference

        def forward(self, images, reference):
            self.same = (images == reference).all(1)
            return (images - reference).abs().mean((1, 2, 3))

    judge = Judge()
    (row, _) = measure_equivariance(
        generator, {'shift': (9 / 64,)}, num_samples=4, perceptual=judge, mode='bilinear'
    )
    # The last one moves up: what comes in below counts as equal, the rest does not.
    assert judge.same[0, -9:].all() and judge.same[0, :-9].double().mean() < 0.01
    assert 0 < row.perceptual < 1


def test_a_base_code_without_interior(make_generator):
    rows = measure_equivariance(
        make_generator(base_size=8, out_size=64), {'shift': (1 / 8,)}, num_samples=4
    )
    for row in rows:
        assert math.isnan(row.interior_rmse) and math.isnan(row.interior_psnr)
        assert row.interior_share == 0 and row.cells == 1 and row.rmse > 0


def test_decibels():
    row = EquivarianceRow(8, 'shift', 0.125, 1.0, 'off', 0.02, 0.0, 0.5, math.nan)
    assert row.psnr == pytest.approx(40) and row.interior_psnr == math.inf


@pytest.mark.parametrize(
    ('magnitudes', 'count', 'message'),
    [
        ({'shift': (0.1,)}, 3, '4 samples or more, but got 3'),
        ({'bend': (0.1,)}, 4, "a motion is one of shift, .* but got 'bend'"),
        ({'scale': (0,)}, 4, 'scale must be above 0'),
    ],
)
def test_wrong_input(generator, magnitudes, count, message):
    with pytest.raises(ValueError, match=message):
        measure_equivariance(generator, magnitudes, num_samples=count)


@pytest.mark.parametrize('reach', [0, 3, 15, 16, 40])
@pytest.mark.parametrize('transform', [dict(shift=(0.25, 0)), dict(rotate=20), dict(scale=0.5)])
def test_the_interior_leaves_out_what_is_within_reach_of_a_lost_pixel(transform, reach):
    transform = GeometricTransform(**transform)
    lost = (~validity_mask(transform, 32)).double()
    near = F.max_pool2d(F.pad(lost, (reach,) * 4), 2 * reach + 1, stride=1) > 0
    safe = torch.zeros(1, 1, 32, 32, dtype=torch.float64)
    safe[..., reach : 32 - reach, reach : 32 - reach] = 1
    source = warp(safe, transform, padding_mode='zeros') > 1 - 1e-9
    assert torch.equal(interior_mask(transform, 32, reach), safe.bool() & source & ~near)


def test_the_interior_of_a_large_picture_whose_every_pixel_sees_all():
    """Pooling over a window of 2049×2049 never ended."""
    assert not interior_mask(GeometricTransform(rotate=10), 1024, 1024).any()
