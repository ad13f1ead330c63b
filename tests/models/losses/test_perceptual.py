# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Values and sizes of the perceptual losses."""

import lpips
import numpy as np
import pytest
import torch

from mmgen_bdinvert.models.losses import LPIPSLoss, STLPIPSLoss
from mmgen_bdinvert.models.losses.perceptual import normalize_channels, reduce_images


@pytest.mark.parametrize('net', ['alex', 'vgg', 'squeeze'])
def test_lpips_equals_the_package(compare, images, package_lpips, net):
    loss = LPIPSLoss(net, backbone='random')
    reference = package_lpips(net)
    own_lins = {k: v.clone() for k, v in reference.state_dict().items() if k.startswith('lin')}
    reference.load_state_dict(loss.network.state_dict())
    for name, tensor in own_lins.items():  # the trained weights, not ours loaded back
        assert torch.equal(tensor, loss.network.state_dict()[name])
    value, target = images(2, seed=1), images(2, seed=2)
    expected = reference(value, target).flatten()
    torch.testing.assert_close(compare(loss, value, target), expected, rtol=0, atol=1e-6)
    assert expected.min() > 1e-3
    loss.double(), reference.double()
    value, target = value.double(), target.double()
    expected = reference(value, target).flatten()
    torch.testing.assert_close(compare(loss, value, target), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize('net', ['alex', 'vgg'])
def test_stlpips_equals_the_package_with_its_weights(compare, images, net):
    from stlpips_pytorch import stlpips

    reference = stlpips.LPIPS(net=net, variant='shift_tolerant', verbose=False)
    value, target = images(2, seed=1), images(2, seed=2)
    expected = reference(value, target).flatten().detach()
    result = compare(STLPIPSLoss(net), value, target)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-6)
    assert expected.min() > 1e-2


def test_gradient_equals_that_of_the_package(compare, images, stlpips_alex):
    value, target = images(1, seed=1).requires_grad_(), images(1, seed=2)
    (expected,) = torch.autograd.grad(stlpips_alex.network(value, target).sum(), value)
    (gradient,) = torch.autograd.grad(compare(stlpips_alex, value, target).sum(), value)
    torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-3 * expected.abs().max())


def test_gradient_is_finite_where_all_features_are_zero():
    features = torch.zeros(1, 4, 2, 2, requires_grad=True)
    (theirs,) = torch.autograd.grad(lpips.normalize_tensor(features).sum(), features)
    (ours,) = torch.autograd.grad(normalize_channels(features).sum(), features)
    assert theirs.isnan().all() and ours.isfinite().all()


def test_half_precision_features_are_normalised_in_float32():
    features = torch.tensor([0.0, 3.0, 4.0]).view(1, 3, 1, 1).repeat(1, 1, 1, 2)
    features[..., 1] = 0  # 0 / (0 + 1e-10) is NaN in float16, which has no 1e-10
    result = normalize_channels(features.half())
    expected = torch.tensor([[0, 0.6, 0.8], [0, 0, 0]]).T.view(1, 3, 1, 2)
    torch.testing.assert_close(result, expected)


def test_a_batch_is_worth_its_images_alone(compare, images, stlpips_alex):
    value, target = images(3, seed=1), images(3, seed=2)
    alone = [compare(stlpips_alex, value[i : i + 1], target[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(compare(stlpips_alex, value, target), torch.cat(alone))


def test_autocast_costs_little_precision(compare, images, stlpips_alex):
    value, target = images(2, seed=1), images(2, seed=2)
    expected = compare(stlpips_alex, value, target)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        result = compare(stlpips_alex, value, target)
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, expected, rtol=0.02, atol=0)  # bfloat16 has 8 bits


def test_reducing_by_two_is_the_antialiased_triangle(codes):
    pixels = codes(1, 1, 16, 16)
    taps = np.array([1, 3, 3, 1]) / 8
    expected = taps @ pixels[0, 0, 5:9, 7:11].numpy() @ taps  # centred on 2i + 0.5
    assert reduce_images(pixels, 8)[0, 0, 3, 4].item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize('shape, size, reduced', [((60, 30), 20, (20, 10)), ((20, 9), 20, (20, 9))])
def test_reducing_keeps_the_aspect_ratio_and_never_enlarges(codes, shape, size, reduced):
    pixels = codes(1, 3, *shape)
    assert reduce_images(pixels, size).shape[-2:] == reduced
    assert reduce_images(pixels, None) is pixels


def test_large_images_are_reduced_before_the_network(compare, images, stlpips_alex):
    value, target = images(1, 128, seed=1), images(1, 128, seed=2)
    small = STLPIPSLoss(resize=64)
    expected = compare(stlpips_alex, reduce_images(value, 64), reduce_images(target, 64))
    torch.testing.assert_close(compare(small, value, target), expected)
    assert not torch.isclose(compare(stlpips_alex, value, target), expected)


@pytest.mark.parametrize(
    'loss_class, net, smallest',
    [
        (LPIPSLoss, 'vgg', 16),
        (LPIPSLoss, 'alex', 31),
        (LPIPSLoss, 'squeeze', 17),
        (STLPIPSLoss, 'alex', 21),
        (STLPIPSLoss, 'vgg', 18),
    ],
)
def test_smallest_images(compare, images, loss_class, net, smallest):
    kwargs = dict(backbone='random') if loss_class is LPIPSLoss else {}
    loss = loss_class(net, **kwargs)
    assert compare(loss, images(1, smallest, 1), images(1, smallest, 2)).item() > 0
    with pytest.raises(RuntimeError):  # the network itself cannot do less
        loss.network(images(1, smallest - 1), images(1, smallest - 1))
    with pytest.raises(ValueError, match=f'at least {smallest} pixels a side, but got'):
        loss.prepare(images(1, smallest - 1))


@pytest.mark.parametrize('shape', [(3, 512, 512), (2, 1, 64, 64), (64,)])
def test_only_rgb_batches(stlpips_alex, shape):
    with pytest.raises(ValueError, match=r'takes RGB images \(n, 3, H, W\)'):
        stlpips_alex.prepare(torch.zeros(shape))


def test_value_and_target_must_have_one_shape(compare, images, stlpips_alex):
    with pytest.raises(ValueError, match='must have the shape of its target'):
        compare(stlpips_alex, images(2), images(1))


def test_unknown_nets():
    with pytest.raises(ValueError, match="knows the nets vgg, alex, squeeze, but got net='resnet'"):
        LPIPSLoss('resnet')
    with pytest.raises(ValueError, match="STLPIPSLoss knows the nets alex, vgg, but got net='sq"):
        STLPIPSLoss('squeeze')
