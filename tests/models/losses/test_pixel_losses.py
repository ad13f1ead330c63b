# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
import torch

from mmgen_bdinvert.models import GradientL1Loss, PixelL1Loss


@pytest.fixture
def pair():
    rng = torch.Generator().manual_seed(0)
    return torch.rand(2, 2, 3, 6, 5, generator=rng, dtype=torch.float64)


def test_l1_of_pixels(pair):
    value, reference = pair
    loss = PixelL1Loss(loss_weight=3)
    found = loss(value, loss.prepare(reference))
    expected = np.abs(value.numpy() - reference.numpy()).mean((1, 2, 3))
    np.testing.assert_allclose(found, expected)
    assert loss.loss_weight == 3  # the parent multiplies


def test_l1_of_gradients(pair):
    value, reference = pair
    loss = GradientL1Loss()
    found = loss(value, loss.prepare(reference))
    error = value.numpy() - reference.numpy()
    down = np.abs(error[:, :, 1:] - error[:, :, :-1]).mean((1, 2, 3))
    right = np.abs(error[..., 1:] - error[..., :-1]).mean((1, 2, 3))
    np.testing.assert_allclose(found, down + right)
    brighter = loss(reference + 0.3, loss.prepare(reference))  # no edge differs
    np.testing.assert_allclose(brighter, 0, atol=1e-12)


def test_images_of_another_shape_are_refused(pair):
    value, reference = pair
    for loss in (PixelL1Loss(), GradientL1Loss()):
        with pytest.raises(ValueError, match=r'shape of its reference \(2, 3, 6, 5\)'):
            loss(value[:1], loss.prepare(reference))


def test_a_region_is_all_that_counts(pair):
    value, reference = pair
    loss = PixelL1Loss(region=((0.5, 1.0), (0.2, 0.6)))
    found = loss(value, loss.prepare(reference))
    error = np.abs(value.numpy() - reference.numpy())[:, :, 3:, 1:3]
    np.testing.assert_allclose(found, error.mean((1, 2, 3)))
    with pytest.raises(ValueError, match=r'shares from 0 to 1, but got \(\(0.5, 0.5\), \(0, 1\)\)'):
        GradientL1Loss(region=((0.5, 0.5), (0, 1)))
