# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
import torch

from mmgen_bdinvert.io import image_to_tensor, tensor_to_image, tensor_to_images

RED = (255, 0, 0)


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


class TestTensors:
    @pytest.mark.parametrize('order, channel', [('rgb', 0), ('bgr', 2)])
    def test_red_stays_red(self, order, channel):
        red = np.full((2, 3, 3), RED, np.uint8)
        tensor = image_to_tensor(red, order)
        assert tensor.shape == (1, 3, 2, 3) and tensor.dtype == torch.float32
        for plane in range(3):
            assert (tensor[0, plane] == (1 if plane == channel else -1)).all()
        np.testing.assert_array_equal(tensor_to_image(tensor, order), red)

    def test_orders_differ_by_a_reversal_only(self):
        pixels = noise(4, 5)
        rgb, bgr = image_to_tensor(pixels, 'rgb'), image_to_tensor(pixels, 'bgr')
        assert torch.equal(rgb, bgr.flip(1))
        assert rgb[0, 1, 2, 3] == pytest.approx(pixels[2, 3, 1] / 255 * 2 - 1, abs=1e-6)

    @pytest.mark.parametrize('order', ['rgb', 'bgr'])
    @pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.float16])
    def test_round_trip_is_exact_for_every_level(self, order, dtype):
        levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
        pixels = np.stack([levels, levels.T, 255 - levels], axis=-1)
        result = tensor_to_image(image_to_tensor(pixels, order).to(dtype), order)
        assert result.flags.c_contiguous and result.dtype == np.uint8
        np.testing.assert_array_equal(result, pixels)

    def test_rounds_and_clamps(self):
        levels = torch.tensor([-1000.0, -0.6, 0.4, 0.6, 254.4, 254.6, 300.0, float('inf')])
        image = (levels / 127.5 - 1).expand(3, 1, -1)
        expected = [0, 0, 0, 1, 254, 255, 255, 255]
        np.testing.assert_array_equal(tensor_to_image(image)[0, :, 0], expected)

    def test_tensors_with_gradients(self):
        image = torch.zeros(1, 3, 2, 2, requires_grad=True)
        assert (tensor_to_image(image) == 128).all()

    def test_batches_give_lists(self):
        pictures = [noise(4, 4, seed) for seed in range(3)]
        batch = torch.cat([image_to_tensor(picture, 'bgr') for picture in pictures])
        for result, picture in zip(tensor_to_images(batch, 'bgr'), pictures):
            np.testing.assert_array_equal(result, picture)
        assert len(tensor_to_images(batch[:1])) == 1

    def test_wrong_input(self):
        with pytest.raises(ValueError, match=r'uint8 \(H, W, 3\), but got float64 \(2, 2, 3\)'):
            image_to_tensor(np.zeros((2, 2, 3)))
        with pytest.raises(
            ValueError, match=r"channel_order must be 'rgb' or 'bgr', but got 'RGB'"
        ):
            image_to_tensor(np.zeros((2, 2, 3), np.uint8), 'RGB')
        with pytest.raises(ValueError, match=r'but got \(2, 3, 4, 4\); use tensor_to_images'):
            tensor_to_image(torch.zeros(2, 3, 4, 4))
        with pytest.raises(ValueError, match=r'images must be \(n, 3, H, W\)'):
            tensor_to_images(torch.zeros(3, 4, 4))
        with pytest.raises(ValueError, match='NaN'):
            tensor_to_image(torch.full((3, 2, 2), float('nan')))
