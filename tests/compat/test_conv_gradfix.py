# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
import torch
from mmgen.ops import conv2d, conv2d_gradfix


def test_mmgens_convolutions_are_off():
    assert conv2d_gradfix.enabled is False


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_weights_have_gradients_on_a_gpu_twice():
    x = torch.randn(1, 2, 8, 8, device='cuda', dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 2, 3, 3, device='cuda', dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda *inputs: conv2d(*inputs, padding=1), (x, weight))
