# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from mmgen_bdinvert.evaluation import masked_rmse, mse, psnr, ssim


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
    np.testing.assert_allclose(mse(target + offsets, target), [0.04, 0.0004, 1, 0], rtol=1e-6)


@pytest.mark.parametrize('measure', [mse, psnr, ssim])
def test_other_shapes_are_refused(measure):
    with pytest.raises(
        ValueError, match=r'shape of their targets, but got \(3, 3, 6, 5\) and \(1, 3'
    ):
        measure(images(0), images(0, count=1))


def test_ssim_is_that_of_uint8_pictures():
    # scikit-image's own range and layout of pictures, which differ from a tensor's.
    rng = np.random.default_rng(0)
    one = rng.integers(0, 256, (2, 24, 20, 3), dtype=np.uint8)
    two = (0.7 * one + 0.3 * rng.integers(0, 256, one.shape)).astype(np.uint8)
    settings = dict(gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    expected = [structural_similarity(a, b, channel_axis=2, **settings) for a, b in zip(one, two)]
    tensors = [torch.from_numpy(x).permute(0, 3, 1, 2) / 127.5 - 1 for x in (one, two)]
    np.testing.assert_allclose(ssim(*tensors), expected, atol=1e-5)
    assert ssim(tensors[0], tensors[0]).tolist() == [1, 1]


def test_ssim_of_flat_pictures_is_their_luminance_term():
    x, y = 0.5, -0.1
    flat = [torch.full((1, 3, 16, 16), v) for v in (x, y)]
    x, y = (x + 1) / 2, (y + 1) / 2  # of 0 to 1: the constant is 0.01²; the other factor is 1
    expected = (2 * x * y + 1e-4) / (x**2 + y**2 + 1e-4)
    assert ssim(*flat).item() == pytest.approx(expected, rel=1e-3)


def test_masked_rmse_looks_inside_alone():
    target = torch.zeros(3, 3, 2, 2)
    image = target.clone()
    image[:, :, 0, 0], image[:, :, 1, 1] = 0.3, 5.0  # the second is clamped to 1
    mask = torch.zeros(3, 1, 2, 2, dtype=torch.bool)
    mask[0, 0, 0, 0] = True
    mask[1, 0, 0], mask[1, 0, 1, 1] = True, True
    found = masked_rmse(image, target, mask)
    assert found[0].item() == pytest.approx(0.3)
    assert found[1].item() == pytest.approx(((0.3**2 + 1) / 3) ** 0.5)
    assert found[2].isnan()
    with pytest.raises(ValueError, match=r'the shape \(n, 1, H, W\), but got \(3, 2, 2\)'):
        masked_rmse(image, target, mask[:, 0])
