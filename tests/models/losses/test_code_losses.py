# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
import torch
from mmgen.registry import MODULES

from mmgen_bdinvert.models.latent_stats import LatentStatistics
from mmgen_bdinvert.models.losses import BaseCodeDistance, PixelMSELoss, PNormLoss


@pytest.mark.parametrize(
    'config, compares, loss_weight',
    [
        (dict(type='PixelMSELoss'), 'image', 1),
        (dict(type='LPIPSLoss', net='squeeze', backbone='random'), 'image', 10),
        (dict(type='STLPIPSLoss'), 'image', 10),
        (dict(type='BaseCodeDistance'), 'base', 10),
        (dict(type='PNormLoss'), 'detail', 0.01),
    ],
)
def test_registered_with_the_weights_of_the_paper(config, compares, loss_weight):
    loss = MODULES.build(config)
    assert (loss.compares, loss.loss_weight) == (compares, loss_weight)
    assert MODULES.build(dict(config, loss_weight=3)).loss_weight == 3.0


@pytest.mark.parametrize('loss', [PixelMSELoss(5.0), BaseCodeDistance()])
def test_squared_distances_are_the_formula(compare, codes, loss):
    value, reference = codes(3, 4, 5, 5, seed=1).requires_grad_(), codes(3, 4, 5, 5, seed=2)
    result = compare(loss, value, reference)
    difference = value.detach().numpy() - reference.numpy()
    np.testing.assert_allclose(
        result.detach(), [(d**2).sum() / 100 for d in difference], rtol=1e-14
    )
    result[1].backward()
    expected = np.zeros_like(difference)
    expected[1] = 2 * difference[1] / 100
    np.testing.assert_allclose(value.grad, expected, rtol=1e-12)


@pytest.mark.parametrize('loss', [PixelMSELoss(), BaseCodeDistance()])
def test_squared_distances_do_not_broadcast(compare, images, loss):
    with pytest.raises(ValueError, match=r'\(1, 3, 8, 8\), but got \(2, 3, 8, 8\)'):
        compare(loss, images(2, 8), images(1, 8))


def test_normalized_base_codes_ignore_mean_and_scale_of_their_channels(compare, codes):
    loss = BaseCodeDistance(normalized=True)
    value, reference = codes(3, 4, 5, 5, seed=1), 3 * codes(3, 4, 5, 5, seed=2) - 1
    white = []
    for code in (value.numpy(), reference.numpy()):
        variance = code.var((2, 3), keepdims=True)
        white.append((code - code.mean((2, 3), keepdims=True)) / np.sqrt(variance + 1e-5))
    expected = ((white[0] - white[1]) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(compare(loss, value, reference), expected, rtol=1e-12)
    shift, scale = codes(3, 4, 1, 1, seed=3), 1 + codes(3, 4, 1, 1, seed=4).abs()
    moved = compare(loss, value * scale + shift, reference)
    # The 1e-5 that keeps a constant channel finite is not scaled along.
    np.testing.assert_allclose(moved, expected, rtol=1e-4)
    assert not np.allclose(compare(BaseCodeDistance(), value * scale, reference), expected, 0.1)
    np.testing.assert_allclose(compare(loss, -value, value), 4, rtol=1e-4)  # the largest there is
    constant = torch.ones(1, 4, 5, 5, dtype=torch.float64, requires_grad=True)
    compare(loss, constant, reference[:1]).sum().backward()
    assert constant.grad.isfinite().all()


def test_p_norm_is_the_formula(compare, codes):
    components = torch.linalg.qr(codes(8, 8))[0]
    mean, eigenvalues = codes(8, seed=1), codes(8, seed=2).square() + 0.1
    statistics = LatentStatistics(mean=mean, components=components, eigenvalues=eigenvalues)
    detail = codes(2, 3, 8, seed=3)
    x = np.where(detail > 0, detail, 5 * detail) - mean.numpy()
    v = x @ components.numpy() / np.sqrt(eigenvalues.numpy())
    result = compare(PNormLoss(), detail, statistics)
    np.testing.assert_allclose(result, (v**2).mean((1, 2)), rtol=1e-5)  # buffers are float32


def test_p_norm_of_mapped_latents_is_one_and_of_the_mean_zero(compare):
    def mapping(z):
        return (1.5 * z + 1).sinh()

    generator = torch.Generator().manual_seed(0)
    statistics = LatentStatistics.fit(mapping, 4, num_samples=20_000, generator=generator)
    detail = mapping(torch.randn(1, 5000, 4, generator=generator))
    # Heavy tails: the standard error of this mean of v² is about 0.1.
    assert compare(PNormLoss(), detail, statistics).item() == pytest.approx(1, abs=0.3)
    mean = statistics.unwhiten(torch.zeros(1, 5, 4))
    assert compare(PNormLoss(), mean, statistics).item() == pytest.approx(0, abs=1e-9)


def test_p_norm_wants_statistics():
    with pytest.raises(TypeError, match='LatentStatistics of the generator, but got Tensor'):
        PNormLoss().prepare(torch.zeros(2, 3, 8))
