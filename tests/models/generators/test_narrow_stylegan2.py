# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
import torch
from mmgen.models.architectures.stylegan.generator_discriminator_v2 import (
    StyleGAN2Discriminator,
    StyleGANv2Generator,
)
from mmgen.registry import MODULES

from mmgen_bdinvert.models import NarrowStyleGAN2Discriminator, NarrowStyleGANv2Generator
from mmgen_bdinvert.models.acceleration.scaled_modulation import ScaledModulatedConv2d

STOCK = {4: 512, 8: 512}  # mmgen's own widths, the only ones it offers
NARROW = {4: 8, 8: 6, 16: 4}


def test_generator_of_mmgens_width_gives_mmgens_images():
    torch.manual_seed(0)
    stock = StyleGANv2Generator(8, 16, num_mlps=1)
    ours = NarrowStyleGANv2Generator(8, 16, STOCK, num_mlps=1)
    stock.conv1.noise_injector.weight.data.fill_(0.5)
    assert list(ours.state_dict()) == list(stock.state_dict())
    ours.load_state_dict(stock.state_dict())
    z = torch.randn(2, 16)
    with torch.no_grad():
        expected = stock([z], randomize_noise=False)
        result = ours([z], randomize_noise=False)
    assert expected.std() > 0.1
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-4)


def test_discriminator_of_mmgens_width_gives_mmgens_scores():
    torch.manual_seed(0)
    stock = StyleGAN2Discriminator(8)
    ours = NarrowStyleGAN2Discriminator(8, STOCK)
    assert list(ours.state_dict()) == list(stock.state_dict())
    ours.load_state_dict(stock.state_dict())
    images = torch.randn(4, 3, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), stock(images))


def test_widths_are_those_asked_for():
    generator = MODULES.build(
        dict(type='NarrowStyleGANv2Generator', out_size=16, style_channels=5, channels=NARROW)
    )
    assert generator.channels == NARROW
    assert [tuple(p.shape) for p in generator.constant_input.parameters()] == [(1, 8, 4, 4)]
    widths = [conv.conv.out_channels for conv in generator.convs]
    assert widths == [6, 6, 4, 4]
    assert len(generator.style_mapping) == 9  # mmgen's default of 8 layers, after PixelNorm
    convs = [m for m in generator.modules() if hasattr(m, 'style_modulation')]
    assert len(convs) == 8 and all(type(m) is ScaledModulatedConv2d for m in convs)
    assert generator(torch.randn(2, 5)).shape == (2, 3, 16, 16)

    config = dict(type='NarrowStyleGAN2Discriminator', in_size=16, channels=NARROW)
    discriminator = MODULES.build(config)
    assert discriminator.convs[0][0].out_channels == 4
    assert discriminator.final_linear[1].linear.in_features == 8
    assert discriminator(torch.randn(4, 3, 16, 16)).shape == (4, 1)


def test_minibatch_statistics_can_be_set():
    config = dict(in_size=16, channels=NARROW)
    assert NarrowStyleGAN2Discriminator(**config).mbstd_layer.group_size == 4
    mbstd = dict(group_size=2, channel_groups=1)
    assert NarrowStyleGAN2Discriminator(**config, mbstd_cfg=mbstd).mbstd_layer.group_size == 2


def test_widths_may_have_string_keys_and_more_sizes_than_needed():
    table = {str(size): width for size, width in {**NARROW, 32: 2}.items()}
    assert NarrowStyleGANv2Generator(16, 5, table, num_mlps=1).channels[16] == 4


@pytest.mark.parametrize('network', ['generator', 'discriminator'])
@pytest.mark.parametrize(
    ('size', 'table', 'message'),
    [
        (16, {4: 8, 16: 4}, r'every resolution from 4 to 16, but got .* without \[8\]'),
        (16, {4: 8, 8: 0, 16: 4}, r'positive width .* without \[8\]'),
        (12, NARROW, 'power of two from 8 up, but got 12'),
        (4, NARROW, 'power of two from 8 up, but got 4'),
    ],
)
def test_bad_sizes_and_widths_are_refused(network, size, table, message):
    with pytest.raises(ValueError, match=message):
        if network == 'generator':
            NarrowStyleGANv2Generator(size, 5, table)
        else:
            NarrowStyleGAN2Discriminator(size, table)
