# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
import torch

from mmgen_bdinvert.apis import align, edit, render, transform
from mmgen_bdinvert.geometry import (
    GeometricTransform,
    ThinPlateSpline,
    compose,
    inverse,
    transform_base,
)

MOVE = GeometricTransform(shift=(0.25, 0.0), rotate=30)


def test_what_comes_in_is_as_asked(inverter, code):
    generator = inverter.generator
    for padding in ('border', 'zeros', 'reflection', generator.mean_base):
        expected = transform_base(code.base, MOVE, padding_mode=padding)
        moved = transform(inverter, code, MOVE, padding_mode=padding)
        assert torch.equal(moved.base, expected) and torch.equal(moved.detail, code.detail)
    # A shift by two of eight cells brings in two columns of the mean base code.
    shifted = transform(generator, code, GeometricTransform((0.25, 0)), padding_mode='mean')
    mean = generator.mean_base[..., :2].expand(len(code), -1, -1, -1)
    torch.testing.assert_close(shifted.base[..., :2], mean, rtol=0, atol=1e-6)
    torch.testing.assert_close(shifted.base[..., 2:], code.base[..., :-2], rtol=0, atol=1e-6)


def test_the_sampling_is_as_asked(inverter, code):
    for mode in ('bilinear', 'bicubic'):
        moved = transform(inverter, code, MOVE, mode=mode)
        assert torch.equal(moved.base, transform_base(code.base, MOVE, mode=mode))
    with pytest.raises(ValueError, match="mode must be one of .* but got 'nearest'"):
        transform(inverter, code, MOVE, mode='nearest')
    with pytest.raises(ValueError, match="padding_mode must be one of .* but got 'wrap'"):
        transform(inverter, code, MOVE, padding_mode='wrap')


def test_align_undoes_a_motion(inverter, code):
    # Whole cells are not interpolated: what stayed in view comes back as it was.
    motion = GeometricTransform(shift=(0.25, -0.125), flip=True)
    back = align(inverter, transform(inverter, code, motion), motion)
    seen = back.base[..., 1:, 2:]
    torch.testing.assert_close(seen, code.base[..., 1:, 2:], rtol=0, atol=1e-6)
    assert not torch.allclose(back.base, code.base)
    assert torch.equal(back.detail, code.detail)
    corners = [[-1, -1], [1, -1], [1, 1], [-1, 1]]
    bend = ThinPlateSpline([*corners, [0, 0]], [*corners, [0.2, 0]])
    for motion in (MOVE, MOVE.matrix(), compose(MOVE, bend)):
        aligned = align(inverter, code, motion, padding_mode='mean', mode='bilinear')
        expected = transform(inverter, code, inverse(motion), padding_mode='mean', mode='bilinear')
        assert torch.equal(aligned.base, expected.base)


def test_an_edit_in_place_is_the_edit_of_the_aligned_face_moved_back(inverter, code):
    motion = GeometricTransform(shift=(0.25, 0))
    aligned = edit(inverter, align(inverter, code, motion), torch.ones(16))
    back = transform(inverter, aligned, motion)
    in_place = edit(inverter, code, torch.ones(16))
    assert torch.equal(back.detail, in_place.detail)
    # Only what left the view on the way is lost.
    torch.testing.assert_close(back.base[..., 2:], in_place.base[..., 2:], rtol=0, atol=1e-6)
    shown, expected = render(inverter, back)[0], render(inverter, in_place)[0]
    assert np.abs(shown[:, -4:].astype(int) - expected[:, -4:]).max() <= 1


def test_codes_of_other_generators_are_refused(make_generator, code):
    with pytest.raises(ValueError, match='made with another generator'):
        align(make_generator(seed=4), code, MOVE)
