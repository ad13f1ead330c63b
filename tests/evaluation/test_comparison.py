# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import torch

from mmgen_bdinvert.evaluation import compare_with_w_plus, psnr, w_plus_baseline
from mmgen_bdinvert.models import (
    BaseCodeEncoder,
    BaseDetailGenerator,
    LatentStatistics,
    NarrowStyleGANv2Generator,
    RegularizedInverter,
)


def _inverter(num_steps=4):
    torch.manual_seed(0)
    channels = {4: 8, 8: 8, 16: 8, 32: 8}
    generator = BaseDetailGenerator(
        NarrowStyleGANv2Generator(32, 16, channels=channels, num_mlps=2), base_size=8
    )
    statistics = LatentStatistics.fit(
        generator.mapping, 16, generator=torch.Generator().manual_seed(0), num_samples=2000
    )
    losses = dict(
        pixel=dict(type='PixelMSELoss'),
        base=dict(type='BaseCodeDistance'),
        detail=dict(type='PNormLoss'),
    )
    encoder = BaseCodeEncoder(8, 8, widths=(4, 4, 4))
    return RegularizedInverter(generator, encoder, statistics, losses, num_steps=num_steps)


def test_baseline_shares_everything_but_the_regularisers():
    inverter = _inverter(num_steps=7)
    baseline = w_plus_baseline(inverter)
    assert baseline.generator is inverter.generator
    assert baseline.optimizer == inverter.optimizer
    assert baseline.num_steps == 7
    assert list(baseline.losses) == ['pixel']


def test_measures_are_those_of_the_returned_images():
    inverter = _inverter()
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    results = compare_with_w_plus(
        inverter, images, judges={'mse': dict(type='PixelMSELoss')}, batch_size=2
    )
    assert set(results) == {'w_plus', 'bdinvert'}
    for values in results.values():
        torch.testing.assert_close(values['psnr'], psnr(values['images'], images))
        mse = (values['images'] - images).square().flatten(1).mean(1)
        torch.testing.assert_close(values['mse'], mse)
        assert values['v2'].shape == (3,)
    alone = inverter.invert(inverter.generator.to_rgb(images[2:]))
    output = inverter.generator.to_rgb(alone.reconstruction).clamp(-1, 1)
    torch.testing.assert_close(results['bdinvert']['images'][2:], output, rtol=0, atol=1e-5)
