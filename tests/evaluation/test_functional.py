# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
import torch

from mmgen_bdinvert.evaluation import psnr


def images(seed, count=3):
    return torch.rand(count, 3, 6, 5, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_psnr_equals_its_formula():
    one, two = images(0), images(1)
    result = psnr(one, two)
    errors = ((one.double() - two.double()).numpy() ** 2).reshape(3, -1).mean(1)
    np.testing.assert_allclose(result, 20 * np.log10(2 / np.sqrt(errors)), rtol=1e-6)


def test_known_values():
    target = torch.zeros(4, 3, 2, 2)
    offsets = torch.tensor([0.2, 0.02, 2.0, 0.0]).view(4, 1, 1, 1)
    # The last offset but one is clamped to 1: an error of half the range.
    expected = [20.0, 40.0, 20 * np.log10(2), np.inf]
    np.testing.assert_allclose(psnr(target + offsets, target), expected, rtol=1e-6)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r'of one shape, but got \(3, 3, 6, 5\) and \(1, 3, 6, 5'):
        psnr(images(0), images(0, count=1))
